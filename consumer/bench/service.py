"""Turns uploads into committed labels by a worker of its own topics, and into what that took."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumer.audio_files import upload_of
from consumer.bench import processes
from consumer.bench.broker import Broker
from consumer.bench.failures import BenchFailedError
from consumer.bench.stage_cpu import StageCpu, read_stage_cpu
from consumer.bench.worker_process import WorkerProcess
from consumer.config import KafkaSettings, Settings
from consumer.events import TrackLabelled
from consumer.kafka import KafkaAdmin, Start
from consumer.ports import BrokerError
from consumer.submit import Submitted, Submitter
from consumer.topic_settings import RetryTopic, TopicSettings
from consumer.topics import create, definitions
from consumer.watch import DeadLetter, Watcher

_PARTITIONS: Final = 6
_POLL_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 120.0
"""Without any label for so long, a worker has failed."""
_ADMIN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    """What it took to label some tracks.

    Attributes
    ----------
    labels : tuple of TrackLabelled
        In the order of their commits.
    wall_seconds : float
        From the first upload's publication until the last committed label was read.
    cpu_seconds : float
        Of the worker and all its children in that time.
    parent_cpu_seconds : float
        What of it the worker's first process used: Kafka, scoring, labels.
    stage_cpu : StageCpu
        What of it the stages took.
    """

    labels: tuple[TrackLabelled, ...]
    wall_seconds: float
    cpu_seconds: float
    parent_cpu_seconds: float
    stage_cpu: StageCpu


class Service:
    """A running worker with a publisher and a reader at its ends. Made by `open_service`; one thread."""

    def __init__(self, worker: WorkerProcess, *, submitter: Submitter, watcher: Watcher) -> None:
        self._worker = worker
        self._submitter = submitter
        self._watcher = watcher
        self._submitted = 0

    @property
    def worker(self) -> WorkerProcess:
        """The worker's process."""
        return self._worker

    def run(
        self, tracks: Sequence[Path], *, on_label: Callable[[TrackLabelled], None] = lambda _label: None
    ) -> Run:
        """Upload tracks all at once and wait until each is labelled.

        Raises
        ------
        BenchFailedError
            A track was dead-lettered, the worker ended, or no label came for two minutes.
        BrokerError
            The broker refuses us or an upload.
        """
        stages = read_stage_cpu(self._worker.metrics())
        cpu, parent_cpu = self._cpu_seconds()
        started = time.monotonic()
        waiting = {self._submit(track) for track in tracks}
        self._submitter.finish(timeout_seconds=_PATIENCE_SECONDS)  # raises where an upload was lost
        labels = tuple(self._labels(waiting, on_label=on_label))
        wall_seconds = time.monotonic() - started
        cpu_after, parent_cpu_after = self._cpu_seconds()
        return Run(
            labels,
            wall_seconds,
            cpu_seconds=cpu_after - cpu,
            parent_cpu_seconds=parent_cpu_after - parent_cpu,
            stage_cpu=read_stage_cpu(self._worker.metrics()) - stages,
        )

    def _cpu_seconds(self) -> tuple[float, float]:
        pid = self._worker.pid
        return processes.cpu_seconds(pid), processes.own_cpu_seconds(pid)

    def _submit(self, track: Path) -> str:
        # Ids of their own: the same file is uploaded again and again.
        self._submitted += 1
        upload = upload_of(track, track_id=f"{track.name}#{self._submitted}")
        self._submitter.submit(upload)
        return upload.event_id

    def _labels(
        self, waiting: set[str], *, on_label: Callable[[TrackLabelled], None]
    ) -> Iterator[TrackLabelled]:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while waiting:
            ended = self._watcher.poll(_POLL_SECONDS)
            if ended is None:
                self._worker.check()
                if time.monotonic() > deadline:
                    raise BenchFailedError(
                        f"no label for {_PATIENCE_SECONDS:g} s: {self._worker.last_words()}"
                    )
            elif ended.event_id in waiting:
                if isinstance(ended, DeadLetter):
                    raise BenchFailedError(f"a track failed: {ended.track_id}: {ended.problem}")
                waiting.remove(ended.event_id)
                deadline = time.monotonic() + _PATIENCE_SECONDS
                on_label(ended)
                yield ended


@contextmanager
def open_service(
    settings: Settings, *, broker: Broker, cores: Sequence[int], folder: Path
) -> Iterator[Service]:
    """Create topics, start a worker on these cores and wait until it is warm; all ends with the body.

    Parameters
    ----------
    settings : Settings
        The user's: security, model, device. Topics, group and where audio may come from are ours.
    broker : Broker
        Its topics are removed at the end where it is not our own.
    cores : sequence of int
        The worker's.
    folder : Path
        The only one that audio may come from; gets the worker's log too.
    """
    name = f"genrestream-bench-{uuid.uuid4().hex[:8]}"
    fitted = _fitted(settings, broker=broker, name=name, folder=folder)
    with (
        lent_topics(fitted, broker=broker),
        WorkerProcess(fitted, cores=cores, log=folder / f"{name}.log") as worker,
        Submitter(fitted, on_end=_raise_if_lost) as submitter,
        Watcher(fitted, start=Start.NOW, dead_letters=True) as watcher,
    ):
        yield Service(worker, submitter=submitter, watcher=watcher)


def benchmark_kafka(kafka: KafkaSettings, *, broker: Broker, name: str) -> KafkaSettings:
    """Give the settings of a group of its own at the benchmark's broker."""
    return kafka.model_copy(
        update={
            "bootstrap_servers": broker.bootstrap_servers,
            "group": name,
            "transactional_id": None,
            # What the settings say of security is for another broker than our own.
            **(
                {"properties": {}, "consumer_properties": {}, "producer_properties": {}} if broker.own else {}
            ),
        }
    )


def _fitted(settings: Settings, *, broker: Broker, name: str, folder: Path) -> Settings:
    kafka = benchmark_kafka(settings.kafka, broker=broker, name=name)
    topics = TopicSettings(
        uploads={f"{name}.uploads": "track_uploaded"},
        labels=f"{name}.labels",
        dead_letters=f"{name}.dlq",
        features=f"{name}.features",
        retries=(RetryTopic(topic=f"{name}.retry", delay_seconds=1.0),),
    )
    return settings.model_copy(
        update={
            "kafka": kafka,
            "topics": topics,
            "fetch": settings.fetch.model_copy(update={"file_roots": (folder.resolve(),)}),
            "decode": settings.decode.model_copy(update={"processes": 0}),
            "worker": settings.worker.model_copy(update={"max_attempts": 1}),
            "serve": settings.serve.model_copy(update={"host": "127.0.0.1", "port": 0}),
            "log": settings.log.model_copy(update={"level": "info", "format": "json"}),
        }
    )


@contextmanager
def lent_topics(settings: Settings, *, broker: Broker) -> Iterator[None]:
    """Create the topics that the settings name; they go with the body, or with a broker of our own."""
    admin = KafkaAdmin(settings.kafka, timeout_seconds=_ADMIN_SECONDS)
    wanted = definitions(settings.topics, partitions=_PARTITIONS)
    create(admin, wanted)
    try:
        yield
    finally:
        if not broker.own:
            for definition in wanted:
                with suppress(BrokerError):  # it may be the broker that ended the body
                    admin.delete(definition.name)


def _raise_if_lost(ended: Submitted) -> None:
    if ended.error is not None:
        raise ended.error
