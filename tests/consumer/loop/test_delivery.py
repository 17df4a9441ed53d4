"""A batch is committed whole or not at all, and what became of it is learnt however the broker answers."""

from __future__ import annotations

import pytest

from consumer.errors import BrokerAuthorizationError, TwinFencedError
from consumer.loop.at_least_once import AtLeastOnceDelivery
from consumer.loop.delivery import Batch, Progress
from consumer.loop.offsets import OffsetTracker
from consumer.loop.outcomes import Case, Ending, Outcome
from consumer.loop.transactional import TransactionalDelivery
from consumer.memory_broker import Moment, Request
from consumer.memory_broker.requests import timed_out
from consumer.ports import BrokerError
from tests.consumer.delivering import COMMIT, UPLOADS, Delivering, batch_of
from tests.consumer.records import case_of, upload_record


@pytest.fixture
def transactional() -> Delivering:
    return Delivering(TransactionalDelivery)


@pytest.fixture
def at_least_once() -> Delivering:
    return Delivering(AtLeastOnceDelivery)


@pytest.fixture(params=[TransactionalDelivery, AtLeastOnceDelivery])
def either(request: pytest.FixtureRequest) -> Delivering:
    return Delivering(request.param)


def test_a_batch_and_its_offsets_become_visible_together(either: Delivering) -> None:
    assert either.progress(batch_of(0, 2, 4)) is Progress.COMMITTED
    assert either.seen() == (3, 5)
    assert not either.delivery.pending


def test_a_batch_of_skips_commits_its_offsets_alone(either: Delivering) -> None:
    tracker: OffsetTracker[Outcome] = OffsetTracker(epoch=1)
    tracker.receive(6, n_events=1)
    record = upload_record(6)
    skip = Outcome(Ending.SKIPPED, "x", Case(record, case_of(record).provenance, None), None, 0.0)
    tracker.complete(6, event_index=0, outcome=skip)
    prefix = tracker.prefix(max_records=1, max_bytes=1)
    assert prefix is not None
    assert either.progress(Batch({UPLOADS: prefix})) is Progress.COMMITTED
    assert either.seen() == (0, 7)


def test_without_a_membership_nothing_is_tried(either: Delivering) -> None:
    either.bench.consumer.close()
    either.bench.consumer._member_id = ""
    assert either.progress(batch_of(0)) is Progress.SKIPPED_MEMBERSHIP
    assert either.seen() == (0, 0)


@pytest.mark.parametrize("operation", ["produce", "send_offsets", COMMIT])
@pytest.mark.parametrize("moment", list(Moment))
def test_a_request_that_times_out_is_made_again_whether_or_not_it_was_done(
    transactional: Delivering, operation: str, moment: Moment
) -> None:
    transactional.spoil((operation, moment, timed_out(operation)))
    assert transactional.progress(batch_of(0, 1)) is Progress.COMMITTED
    assert transactional.seen() == (2, 2)


def test_an_illegal_generation_aborts_and_the_same_batch_can_be_tried_again(
    transactional: Delivering,
) -> None:
    illegal = BrokerError("rebalancing", code="ILLEGAL_GENERATION", requires_abort=True)
    transactional.spoil(("send_offsets", Moment.BEFORE, illegal))
    batch = batch_of(0, 1)
    assert transactional.progress(batch) is Progress.ABORTED
    assert transactional.seen() == (0, 0)
    assert transactional.progress(batch) is Progress.COMMITTED
    assert transactional.seen() == (2, 2)


def test_with_the_broker_down_a_commit_stays_pending_and_is_resumed(transactional: Delivering) -> None:
    def down_at_commit(request: Request) -> None:
        if request.operation == COMMIT:
            transactional.go_down()
            raise timed_out(COMMIT)

    transactional.bench.broker.hook = down_at_commit
    started_at = transactional.bench.timeline.now
    first = batch_of(0, 1)
    assert transactional.progress(first, seconds=3.0) is Progress.PENDING
    assert transactional.bench.timeline.now - started_at < 4.5
    assert transactional.delivery.pending
    transactional.come_up()
    report = transactional.deliver(batch_of(5))
    assert report is not None
    assert (report.progress, report.batch) == (Progress.COMMITTED, first)
    assert transactional.seen() == (2, 2)


def test_with_the_broker_down_before_the_commit_the_transaction_is_aborted_later(
    transactional: Delivering,
) -> None:
    transactional.go_down()
    assert transactional.progress(batch_of(0), seconds=2.0) is Progress.PENDING
    transactional.come_up()
    assert transactional.progress(None) is Progress.ABORTED
    assert transactional.progress(batch_of(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_a_fenced_producer_is_replaced_and_never_aborted(transactional: Delivering) -> None:
    asked: list[str] = []
    transactional.fence()
    transactional.bench.broker.hook = lambda request: asked.append(request.operation)
    assert transactional.progress(batch_of(0)) is Progress.FENCED
    assert "abort_transaction" not in asked
    assert transactional.progress(batch_of(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_after_a_lost_answer_and_a_fence_the_new_producer_learns_what_was_committed(
    transactional: Delivering,
) -> None:
    def lose_and_fence(request: Request) -> None:
        if (request.operation, request.moment) == (COMMIT, Moment.AFTER):
            transactional.come_up()
            transactional.fence()
            raise timed_out(COMMIT)

    transactional.bench.broker.hook = lose_and_fence
    report = transactional.deliver(batch_of(0, 2))
    assert report is not None
    assert report.progress is Progress.FENCED
    assert report.covered == {UPLOADS: 3}
    assert transactional.seen() == (2, 3)


def test_a_transaction_that_outlived_its_time_is_redone_by_a_new_producer(
    transactional: Delivering,
) -> None:
    def stall(request: Request) -> None:
        if (request.operation, request.moment) == ("send_offsets", Moment.AFTER):
            transactional.come_up()
            transactional.bench.timeline.advance(16.0)

    transactional.bench.broker.hook = stall
    report = transactional.deliver(batch_of(0), seconds=30.0)
    assert report is not None
    assert (report.progress, dict(report.covered)) == (Progress.FENCED, {})
    assert transactional.progress(batch_of(0)) is Progress.COMMITTED
    assert transactional.seen() == (1, 1)


def test_fenced_twice_within_a_minute_is_a_twin(transactional: Delivering) -> None:
    transactional.fence()
    assert transactional.progress(batch_of(0)) is Progress.FENCED
    transactional.bench.timeline.advance(50.0)
    transactional.bench.consumer.poll(0.1)
    transactional.fence()
    with pytest.raises(TwinFencedError, match=r"kafka\.slot"):
        transactional.deliver(batch_of(0))


def test_fenced_again_after_a_minute_is_no_twin(transactional: Delivering) -> None:
    for _ in range(3):
        transactional.fence()
        assert transactional.progress(batch_of(0)) is Progress.FENCED
        transactional.bench.timeline.advance(61.0)
        transactional.bench.consumer.poll(0.1)


def test_a_producer_starts_when_the_broker_comes_up() -> None:
    starting = Delivering(TransactionalDelivery, ready=False)
    starting.go_down()
    assert starting.progress(None, seconds=2.0) is None
    pending_while_down = starting.delivery.pending
    starting.come_up()
    assert starting.progress(None) is None
    assert (pending_while_down, starting.delivery.pending) == (True, False)
    assert starting.progress(batch_of(0)) is Progress.COMMITTED


def test_a_refused_record_aborts_and_is_named(transactional: Delivering) -> None:
    report = transactional.deliver(batch_of(0, 1, sizes=(10, 6_000)))
    assert report is not None
    assert report.progress is Progress.ABORTED
    assert [refusal.outcome.case.record.offset for refusal in report.refused] == [1]
    assert transactional.seen() == (0, 0)


def test_a_refused_record_is_named_at_least_once_too(at_least_once: Delivering) -> None:
    report = at_least_once.deliver(batch_of(0, 1, sizes=(10, 6_000)))
    assert report is not None
    assert report.progress is Progress.ABORTED
    assert [refusal.outcome.case.record.offset for refusal in report.refused] == [1]
    assert at_least_once.bench.committed() == 0


@pytest.mark.parametrize("code", ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"])
@pytest.mark.parametrize("operation", ["produce", "send_offsets", COMMIT])
def test_a_refusal_of_our_access_is_fatal(transactional: Delivering, code: str, operation: str) -> None:
    refusal = BrokerError("no", code=code, requires_abort=True)
    transactional.spoil((operation, Moment.BEFORE, refusal))
    with pytest.raises(BrokerAuthorizationError, match=code):
        transactional.deliver(batch_of(0))


def test_at_least_once_never_commits_before_everything_is_delivered(at_least_once: Delivering) -> None:
    at_least_once.go_down()
    assert at_least_once.progress(batch_of(0, 1), seconds=2.0) is Progress.PENDING
    assert at_least_once.bench.committed() == 0
    at_least_once.come_up()
    assert at_least_once.progress(None) is Progress.COMMITTED
    assert at_least_once.seen() == (2, 2)


def test_at_least_once_resumes_a_commit_without_producing_again(at_least_once: Delivering) -> None:
    refused = BrokerError("rebalancing", code="ILLEGAL_GENERATION")
    at_least_once.spoil(("commit", Moment.BEFORE, refused))
    assert at_least_once.progress(batch_of(0)) is Progress.PENDING
    assert at_least_once.progress(None) is Progress.COMMITTED
    assert at_least_once.seen() == (1, 1)


def test_at_least_once_forgets_a_pending_commit_of_partitions_that_went(at_least_once: Delivering) -> None:
    at_least_once.spoil(("commit", Moment.BEFORE, BrokerError("rebalancing", code="ILLEGAL_GENERATION")))
    assert at_least_once.progress(batch_of(0)) is Progress.PENDING
    at_least_once.delivery.drop([UPLOADS])
    assert not at_least_once.delivery.pending
    assert at_least_once.progress(None) is None
    assert at_least_once.bench.committed() == 0


def test_a_dead_producer_without_transactions_is_replaced_too(at_least_once: Delivering) -> None:
    dead = BrokerError("sequence numbers lost", code="OUT_OF_ORDER_SEQUENCE_NUMBER", fatal=True)
    at_least_once.spoil(("produce", Moment.BEFORE, dead))
    assert at_least_once.progress(batch_of(0)) is Progress.ABORTED
    assert at_least_once.progress(batch_of(0)) is Progress.COMMITTED
    assert at_least_once.seen() == (1, 1)


def test_unsent_records_of_an_aborted_transaction_do_not_reach_the_next(transactional: Delivering) -> None:
    illegal = BrokerError("rebalancing", code="ILLEGAL_GENERATION", requires_abort=True)
    transactional.spoil(
        ("produce", Moment.BEFORE, timed_out("produce")), ("send_offsets", Moment.BEFORE, illegal)
    )
    assert transactional.progress(batch_of(0, 1)) is Progress.ABORTED
    assert transactional.progress(batch_of(7)) is Progress.COMMITTED
    assert transactional.seen() == (1, 8)
