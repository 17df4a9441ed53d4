"""A Kafka loop on a bench: in-memory broker, virtual clock, and an engine whose jobs end by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Queue

from consumer.config import Settings
from consumer.events import TrackLabelled
from consumer.jobs import Completion, Headers, InputRecord, Ticket, TopicPartition, TrackJob
from consumer.loop.kafka_loop import KafkaLoop
from consumer.memory_broker import MemoryBroker, MemoryConsumer, MemoryProducer
from consumer.metrics import Metrics
from consumer.simulation.timeline import Timeline
from tests.consumer.engines import label_for
from tests.consumer.records import upload_event


class HandEngine:
    """Keeps every job until the test ends it; `unstarted` are those that `cancel` forgets."""

    def __init__(self) -> None:
        self.completions: Queue[Completion] = Queue()
        self.jobs: dict[str, TrackJob] = {}
        self.unstarted: set[Ticket] = set()
        self.failure: BaseException | None = None

    def submit(self, job: TrackJob) -> None:
        self.jobs[job.event.track_id] = job

    def end(self, number: int, result: TrackLabelled | BaseException | None = None) -> None:
        """End the n-th track's job, with a label where nothing else is said."""
        job = self.jobs[f"track-{number}"]
        self.completions.put(Completion(job.ticket, result or label_for(job.event)))

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        gone = [
            job.ticket
            for job in self.jobs.values()
            if (job.ticket.topic_partition, job.ticket.epoch) == (topic_partition, epoch)
            and job.ticket in self.unstarted
        ]
        self.unstarted.difference_update(gone)
        return gone

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        pass


class Bench:
    """One loop and all that it touches; time moves as it waits, or by hand."""

    def __init__(self, settings: Settings, *, partitions: int = 1, label_bytes: int = 1_048_588) -> None:
        self.settings = settings
        self.timeline = Timeline()
        self.clock = self.timeline.clock(self.timeline.advance)
        self.broker = MemoryBroker(self.clock, session_timeout_seconds=45.0, max_poll_interval_seconds=300.0)
        for topic in settings.topics.inputs:
            self.broker.create_topic(topic, partitions=partitions)
        self.broker.create_topic(settings.topics.labels, max_message_bytes=label_bytes)
        self.broker.create_topic(
            settings.topics.dead_letters, max_message_bytes=settings.topics.max_dead_letter_bytes
        )
        self.engine = HandEngine()
        self.metrics = Metrics()
        self.consumer = self.new_consumer()
        self.loop = KafkaLoop(
            settings,
            consumer=self.consumer,
            new_producer=self.new_producer,
            engine=self.engine,
            metrics=self.metrics,
            clock=self.clock,
        )

    def new_consumer(self, client_id: str = "worker") -> MemoryConsumer:
        return MemoryConsumer(
            self.broker, group=self.settings.kafka.group, client_id=client_id, poll_step_seconds=1.0
        )

    def new_producer(self) -> MemoryProducer:
        exactly_once = self.settings.kafka.delivery.value == "exactly_once"
        return MemoryProducer(
            self.broker,
            group=self.settings.kafka.group,
            transactional_id="worker-0" if exactly_once else None,
            client_id="worker",
        )

    def publish(self, *numbers: int, headers: Headers = ()) -> list[InputRecord]:
        """Publish the n-th uploads, all to the first partition that their keys find."""
        return [
            self.broker.publish(
                "track-uploads",
                upload_event(number).model_dump_json().encode(),
                key=f"track-{number}".encode(),
                headers=headers,
            )
            for number in numbers
        ]

    def start(self) -> None:
        """Join, and turn until partitions are there."""
        self.loop.start()
        self.turn(2)

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            assert self.loop.step()

    def turn_until(self, done: Callable[[], bool], *, within_seconds: float = 60.0) -> None:
        """Turn until something holds, for so many virtual seconds at most."""
        until = self.timeline.now + within_seconds
        while not done():
            assert self.timeline.now < until, "it never came true"
            assert self.loop.step()

    def committed(self) -> int:
        """Give the first upload partition's committed next offset."""
        return self.broker.committed(self.settings.kafka.group).get(TopicPartition("track-uploads", 0), 0)

    def labels(self) -> list[TrackLabelled]:
        return [
            TrackLabelled.model_validate_json(record.value or b"")
            for record in self.broker.visible("track-labels")
        ]

    def dead_letters(self) -> list[dict[str, str]]:
        """Give the headers of each dead letter."""
        return [_text(record) for record in self.broker.visible("track-uploads.dlq")]

    def retries(self, delay: str = "30s") -> list[dict[str, str]]:
        return [_text(record) for record in self.broker.visible(f"track-uploads.retry.{delay}")]

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"genrestream_{name}", labels) or 0.0


def _text(record: InputRecord) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers}
