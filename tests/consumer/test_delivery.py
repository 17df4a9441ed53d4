"""A batch is committed whole or not at all, and what became of it is learnt however the broker answers."""

from __future__ import annotations

import pytest

from consumer.at_least_once import AtLeastOnceDelivery
from consumer.delivery import Batch, Delivery, Progress, Report
from consumer.errors import BrokerAuthorizationError, TwinFencedError
from consumer.jobs import TopicPartition
from consumer.memory_broker import Moment, Request
from consumer.memory_broker.requests import timed_out
from consumer.offsets import OffsetTracker
from consumer.outcomes import Case, Ending, Outcome
from consumer.ports import BrokerError, RebalanceListener
from consumer.transactional import TransactionalDelivery
from tests.consumer.bench import Bench
from tests.consumer.records import case_of, outcome_at, settings_with, upload_record

UPLOADS = TopicPartition("track-uploads", 0)
COMMIT = "commit_transaction"


class _Delivering:
    """A delivery of either kind over the in-memory broker, joined and ready."""

    def __init__(self, kind: type[Delivery], *, ready: bool = True) -> None:
        exactly_once = kind is TransactionalDelivery
        mode = "exactly_once" if exactly_once else "at_least_once"
        self.bench = Bench(settings_with(kafka={"delivery": mode}), label_bytes=5_000)
        consumer = self.bench.consumer
        nothing = RebalanceListener(lambda _: None, lambda _: None, lambda _: None)
        consumer.subscribe(["track-uploads"], listener=nothing)
        consumer.poll(0.1)
        make = TransactionalDelivery if exactly_once else AtLeastOnceDelivery
        self.delivery: Delivery = make(self.bench.new_producer, consumer=consumer, clock=self.bench.clock)
        if ready:
            self.deliver(None)

    def deliver(self, batch: Batch | None, *, seconds: float = 5.0) -> Report | None:
        return self.delivery.deliver(batch, deadline=self.bench.timeline.now + seconds)

    def progress(self, batch: Batch | None, *, seconds: float = 5.0) -> Progress | None:
        report = self.deliver(batch, seconds=seconds)
        return report.progress if report else None

    def seen(self) -> tuple[int, int]:
        """Give the number of visible labels and the committed next offset."""
        return len(self.bench.broker.visible("track-labels")), self.bench.committed()

    def spoil(self, *faults: tuple[str, Moment, BrokerError]) -> None:
        """Have the next requests of these operations fail, each fault once, in order."""
        left = list(faults)

        def hook(request: Request) -> None:
            if left and (request.operation, request.moment) == left[0][:2]:
                raise left.pop(0)[2]

        self.bench.broker.hook = hook

    def go_down(self) -> None:
        def hook(request: Request) -> None:
            if request.moment is Moment.BEFORE and request.operation != "poll":
                self.bench.timeline.advance(request.timeout_seconds)
                raise timed_out(request.operation)

        self.bench.broker.hook = hook

    def come_up(self) -> None:
        self.bench.broker.hook = lambda _: None

    def fence(self) -> None:
        self.bench.broker.coordinator.init("worker-0", timeout_seconds=15.0)


def _batch(*offsets: int, sizes: tuple[int, ...] = ()) -> Batch:
    tracker: OffsetTracker[Outcome] = OffsetTracker(epoch=1)
    for offset, size_bytes in zip(offsets, sizes or (10,) * len(offsets), strict=True):
        tracker.receive(offset, n_events=1)
        tracker.complete(offset, event_index=0, outcome=outcome_at(offset, size_bytes=size_bytes))
    prefix = tracker.prefix(max_records=99, max_bytes=10**9)
    assert prefix is not None
    return Batch({UPLOADS: prefix})


@pytest.fixture
def transactional() -> _Delivering:
    return _Delivering(TransactionalDelivery)


@pytest.fixture
def at_least_once() -> _Delivering:
    return _Delivering(AtLeastOnceDelivery)


@pytest.fixture(params=[TransactionalDelivery, AtLeastOnceDelivery])
def either(request: pytest.FixtureRequest) -> _Delivering:
    return _Delivering(request.param)


def test_a_batch_and_its_offsets_become_visible_together(either: _Delivering) -> None:
    assert either.progress(_batch(0, 2, 4)) is Progress.COMMITTED
    assert either.seen() == (3, 5)
    assert not either.delivery.pending


def test_a_batch_of_skips_commits_its_offsets_alone(either: _Delivering) -> None:
    tracker: OffsetTracker[Outcome] = OffsetTracker(epoch=1)
    tracker.receive(6, n_events=1)
    record = upload_record(6)
    skip = Outcome(Ending.SKIPPED, "x", Case(record, case_of(record).provenance, None), None, 0.0)
    tracker.complete(6, event_index=0, outcome=skip)
    prefix = tracker.prefix(max_records=1, max_bytes=1)
    assert prefix is not None
    assert either.progress(Batch({UPLOADS: prefix})) is Progress.COMMITTED
    assert either.seen() == (0, 7)


def test_without_a_membership_nothing_is_tried(either: _Delivering) -> None:
    either.bench.consumer.close()
    either.bench.consumer._member_id = ""
    assert either.progress(_batch(0)) is Progress.SKIPPED_MEMBERSHIP
    assert either.seen() == (0, 0)


@pytest.mark.parametrize("operation", ["produce", "send_offsets", COMMIT])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_request_that_times_out_is_made_again_whether_or_not_it_was_done(
    transactional: _Delivering, operation: str, moment: Moment
) -> None:
    transactional.spoil((operation, moment, timed_out(operation)))
    assert transactional.progress(_batch(0, 1)) is Progress.COMMITTED
    assert transactional.seen() == (2, 2)


def test_an_illegal_generation_aborts_and_the_same_batch_can_be_tried_again(
    transactional: _Delivering,
) -> None:
    illegal = BrokerError("rebalancing", code="ILLEGAL_GENERATION", requires_abort=True)
    transactional.spoil(("send_offsets", Moment.BEFORE, illegal))
    batch = _batch(0, 1)
    assert transactional.progress(batch) is Progress.ABORTED
    assert transactional.seen() == (0, 0)
    assert transactional.progress(batch) is Progress.COMMITTED
    assert transactional.seen() == (2, 2)


def test_with_the_broker_down_a_commit_stays_pending_and_is_resumed(transactional: _Delivering) -> None:
    def down_at_commit(request: Request) -> None:
        if request.operation == COMMIT:
            transactional.go_down()
            raise timed_out(COMMIT)

    transactional.bench.broker.hook = down_at_commit
    started_at = transactional.bench.timeline.now
    first = _batch(0, 1)
    assert transactional.progress(first, seconds=3.0) is Progress.PENDING
    assert transactional.bench.timeline.now - started_at < 4.5
    assert transactional.delivery.pending
    transactional.come_up()
    report = transactional.deliver(_batch(5))
    assert report is not None
    assert (report.progress, report.batch) == (Progress.COMMITTED, first)
    assert transactional.seen() == (2, 2)


def test_with_the_broker_down_before_the_commit_the_transaction_is_aborted_later(
    transactional: _Delivering,
) -> None:
    transactional.go_down()
    assert transactional.progress(_batch(0), seconds=2.0) is Progress.PENDING
    transactional.come_up()
    assert transactional.progress(None) is Progress.ABORTED
    assert transactional.progress(_batch(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_a_fenced_producer_is_replaced_and_never_aborted(transactional: _Delivering) -> None:
    asked: list[str] = []
    transactional.fence()
    transactional.bench.broker.hook = lambda request: asked.append(request.operation)
    assert transactional.progress(_batch(0)) is Progress.FENCED
    assert "abort_transaction" not in asked
    assert transactional.progress(_batch(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_after_a_lost_answer_and_a_fence_the_new_producer_learns_what_was_committed(
    transactional: _Delivering,
) -> None:
    def lose_and_fence(request: Request) -> None:
        if (request.operation, request.moment) == (COMMIT, Moment.AFTER):
            transactional.come_up()
            transactional.fence()
            raise timed_out(COMMIT)

    transactional.bench.broker.hook = lose_and_fence
    report = transactional.deliver(_batch(0, 2))
    assert report is not None
    assert report.progress is Progress.FENCED
    assert report.covered == {UPLOADS: 3}
    assert transactional.seen() == (2, 3)


def test_a_transaction_that_outlived_its_time_is_redone_by_a_new_producer(
    transactional: _Delivering,
) -> None:
    def stall(request: Request) -> None:
        if (request.operation, request.moment) == ("send_offsets", Moment.AFTER):
            transactional.come_up()
            transactional.bench.timeline.advance(16.0)

    transactional.bench.broker.hook = stall
    report = transactional.deliver(_batch(0), seconds=30.0)
    assert report is not None
    assert (report.progress, dict(report.covered)) == (Progress.FENCED, {})
    assert transactional.progress(_batch(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_fenced_twice_within_a_minute_is_a_twin(transactional: _Delivering) -> None:
    transactional.fence()
    assert transactional.progress(_batch(0)) is Progress.FENCED
    transactional.bench.timeline.advance(50.0)
    transactional.bench.consumer.poll(0.1)
    transactional.fence()
    with pytest.raises(TwinFencedError, match=r"kafka\.slot"):
        transactional.deliver(_batch(0))


def test_fenced_again_after_a_minute_is_no_twin(transactional: _Delivering) -> None:
    for _ in range(3):
        transactional.fence()
        assert transactional.progress(_batch(0)) is Progress.FENCED
        transactional.bench.timeline.advance(61.0)
        transactional.bench.consumer.poll(0.1)


def test_a_producer_starts_when_the_broker_comes_up() -> None:
    starting = _Delivering(TransactionalDelivery, ready=False)
    starting.go_down()
    assert starting.progress(None, seconds=2.0) is None
    pending_while_down = starting.delivery.pending
    starting.come_up()
    assert starting.progress(None) is None
    assert (pending_while_down, starting.delivery.pending) == (True, False)
    assert starting.progress(_batch(0)) is Progress.COMMITTED


def test_a_refused_record_aborts_and_is_named(transactional: _Delivering) -> None:
    report = transactional.deliver(_batch(0, 1, sizes=(10, 6_000)))
    assert report is not None
    assert report.progress is Progress.ABORTED
    assert [outcome.case.record.offset for outcome in report.refused] == [1]
    assert transactional.seen() == (0, 0)


def test_a_refused_record_is_named_at_least_once_too(at_least_once: _Delivering) -> None:
    report = at_least_once.deliver(_batch(0, 1, sizes=(10, 6_000)))
    assert report is not None
    assert report.progress is Progress.ABORTED
    assert [outcome.case.record.offset for outcome in report.refused] == [1]
    assert at_least_once.bench.committed() == 0


@pytest.mark.parametrize("code", ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"])
@pytest.mark.parametrize("operation", ["produce", "send_offsets", COMMIT])
def test_a_refusal_of_our_access_is_fatal(transactional: _Delivering, code: str, operation: str) -> None:
    refusal = BrokerError("no", code=code, requires_abort=True)
    transactional.spoil((operation, Moment.BEFORE, refusal))
    with pytest.raises(BrokerAuthorizationError, match=code):
        transactional.deliver(_batch(0))


def test_at_least_once_never_commits_before_everything_is_delivered(at_least_once: _Delivering) -> None:
    at_least_once.go_down()
    assert at_least_once.progress(_batch(0, 1), seconds=2.0) is Progress.PENDING
    assert at_least_once.bench.committed() == 0
    at_least_once.come_up()
    assert at_least_once.progress(None) is Progress.COMMITTED
    assert at_least_once.seen() == (2, 2)


def test_at_least_once_resumes_a_commit_without_producing_again(at_least_once: _Delivering) -> None:
    refused = BrokerError("rebalancing", code="ILLEGAL_GENERATION")
    at_least_once.spoil(("commit", Moment.BEFORE, refused))
    assert at_least_once.progress(_batch(0)) is Progress.PENDING
    assert at_least_once.progress(None) is Progress.COMMITTED
    assert at_least_once.seen() == (1, 1)


def test_at_least_once_forgets_a_pending_commit_of_partitions_that_went(at_least_once: _Delivering) -> None:
    at_least_once.spoil(("commit", Moment.BEFORE, BrokerError("rebalancing", code="ILLEGAL_GENERATION")))
    assert at_least_once.progress(_batch(0)) is Progress.PENDING
    at_least_once.delivery.drop([UPLOADS])
    assert not at_least_once.delivery.pending
    assert at_least_once.progress(None) is None
    assert at_least_once.bench.committed() == 0


def test_a_dead_producer_without_transactions_is_replaced_too(at_least_once: _Delivering) -> None:
    dead = BrokerError("sequence numbers lost", code="OUT_OF_ORDER_SEQUENCE_NUMBER", fatal=True)
    at_least_once.spoil(("produce", Moment.BEFORE, dead))
    assert at_least_once.progress(_batch(0)) is Progress.ABORTED
    assert at_least_once.progress(_batch(0)) is Progress.COMMITTED
    assert at_least_once.seen() == (1, 1)


def test_unsent_records_of_an_aborted_transaction_do_not_reach_the_next(transactional: _Delivering) -> None:
    illegal = BrokerError("rebalancing", code="ILLEGAL_GENERATION", requires_abort=True)
    transactional.spoil(
        ("produce", Moment.BEFORE, timed_out("produce")), ("send_offsets", Moment.BEFORE, illegal)
    )
    assert transactional.progress(_batch(0, 1)) is Progress.ABORTED
    assert transactional.progress(_batch(7)) is Progress.COMMITTED
    assert transactional.seen() == (1, 8)
