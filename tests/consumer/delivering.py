"""A delivery of either kind over the in-memory broker, and the faults that tests put in its way."""

from __future__ import annotations

from consumer.jobs import TopicPartition
from consumer.loop.at_least_once import AtLeastOnceDelivery
from consumer.loop.delivery import Batch, Delivery, Progress, Report
from consumer.loop.offsets import OffsetTracker
from consumer.loop.outcomes import Outcome
from consumer.loop.transactional import TransactionalDelivery
from consumer.memory_broker import Moment, Request
from consumer.memory_broker.requests import timed_out
from consumer.ports import BrokerError, RebalanceListener
from tests.consumer.loop_bench import Bench
from tests.consumer.records import outcome_at, settings_with

UPLOADS = TopicPartition("track-uploads", 0)
COMMIT = "commit_transaction"


class Delivering:
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


def batch_of(*offsets: int, sizes: tuple[int, ...] = ()) -> Batch:
    tracker: OffsetTracker[Outcome] = OffsetTracker(epoch=1)
    for offset, size_bytes in zip(offsets, sizes or (10,) * len(offsets), strict=True):
        tracker.receive(offset, n_events=1)
        tracker.complete(offset, event_index=0, outcome=outcome_at(offset, size_bytes=size_bytes))
    prefix = tracker.prefix(max_records=99, max_bytes=10**9)
    assert prefix is not None
    return Batch({UPLOADS: prefix})
