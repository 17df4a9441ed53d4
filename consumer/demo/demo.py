"""Turns audio files into labels through a whole service in one process: a mock Kafka, the real worker."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from consumer.audio_files import upload_of
from consumer.config import Delivery, Settings
from consumer.errors import BrokerUnavailableError
from consumer.events import Status, TrackLabelled
from consumer.kafka import MockCluster, Start
from consumer.submit import Submitted, Submitter
from consumer.topic_settings import RetryTopic
from consumer.watch import DeadLetter, Ended, Watcher
from consumer.worker import Worker

_POLL_SECONDS: Final = 0.02
"""Part of the seconds that are measured, so it is short."""
_MOCK_SESSION_SECONDS: Final = 6.0
_RETRY_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 15.0
_SUBMIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class DemoTrack:
    """How one file ended, and the seconds from its upload until its label could be read."""

    path: Path
    ended: Ended
    seconds: float


@dataclass(slots=True)
class Tally:
    """Counts how tracks ended."""

    submitted: int
    labelled: int = 0
    abstained: int = 0
    dead_lettered: int = 0
    seconds: list[float] = field(default_factory=list)

    def count(self, track: DemoTrack) -> None:
        """Count one more."""
        if isinstance(track.ended, DeadLetter):
            self.dead_lettered += 1
            return
        self.seconds.append(track.seconds)
        if track.ended.status is Status.ABSTAINED:
            self.abstained += 1
        else:
            self.labelled += 1

    def to_json(self) -> dict[str, Any]:
        """Give the demo's last line; the percentiles are null where nothing was labelled."""
        return {
            "submitted": self.submitted,
            "labelled": self.labelled,
            "abstained": self.abstained,
            "dead_lettered": self.dead_lettered,
            "p50_seconds": percentile(self.seconds, 50),
            "p95_seconds": percentile(self.seconds, 95),
        }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Give a percentile from 1 to 99, interpolated, rounded to milliseconds; None of no values."""
    if not values:
        return None
    if len(values) == 1:
        return round(values[0], 3)
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 3)


def for_demo(settings: Settings, *, bootstrap_servers: str) -> Settings:
    """Fit settings to the mock cluster: at least once, its session, one short retry, any local file."""
    topics = settings.topics.model_copy(
        update={"retries": (RetryTopic(topic="track-uploads.retry.demo", delay_seconds=_RETRY_SECONDS),)}
    )
    kafka = settings.kafka.model_copy(
        update={
            "bootstrap_servers": bootstrap_servers,
            "delivery": Delivery.AT_LEAST_ONCE,
            "group_protocol": "classic",
            "session_timeout_seconds": _MOCK_SESSION_SECONDS,
            # What the settings say of security is for another broker.
            "properties": {},
            "consumer_properties": {},
            "producer_properties": {},
        }
    )
    return settings.model_copy(
        update={
            "kafka": kafka,
            "topics": topics,
            "fetch": settings.fetch.model_copy(update={"file_roots": (Path("/"),)}),
            "worker": settings.worker.model_copy(update={"max_attempts": 2}),
            "serve": settings.serve.model_copy(update={"host": "127.0.0.1", "port": 0}),
        }
    )


@contextmanager
def running_worker(settings: Settings) -> Iterator[WorkerThread]:
    """Run a worker on a thread of its own while the body runs."""
    runner = WorkerThread(settings)
    runner.start()
    try:
        yield runner
    except BaseException:
        runner.worker.request_stop()  # one more than at a good end: what is under way is abandoned
        raise
    finally:
        runner.stop()


class WorkerThread:
    """The thread that a worker runs on, and what ended it."""

    def __init__(self, settings: Settings) -> None:
        self.worker = Worker(settings)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kafka", daemon=True)

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the worker, if it ended."""
        if self._failure is not None:
            raise self._failure
        if not self._thread.is_alive():
            raise BrokerUnavailableError("the worker ended before its tracks did")

    def stop(self) -> None:
        """Stop it and wait."""
        self.worker.request_stop()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as exc:  # noqa: BLE001 - raised again on the thread that asks
            self._failure = exc


class Demo:
    """One demonstration: a mock cluster and a worker that is starting. Made by `open_demo`.

    One thread, which blocks in `await_ready` while the worker starts and in `run` while tracks are labelled.
    """

    def __init__(self, settings: Settings, *, worker: WorkerThread) -> None:
        self._settings = settings
        self._worker = worker

    def await_ready(self) -> None:
        """Wait until the worker serves its partitions; raises what ended it."""
        while not self._worker.worker.readiness().ok:
            self._worker.check()
            time.sleep(_POLL_SECONDS)

    def run(self, paths: Sequence[Path], *, interval_seconds: float = 0.0) -> Iterator[DemoTrack]:
        """Submit a file each interval and give each track as it ends.

        Raises
        ------
        FatalError, ModelError, DeviceUnavailableError
            What ended the worker.
        """
        with (
            Watcher(self._settings, start=Start.BEGINNING, dead_letters=True) as watcher,
            Submitter(self._settings, on_end=_raise_if_lost) as submitter,
        ):
            waiting: dict[str, tuple[Path, float]] = {}
            to_submit = list(reversed(paths))
            next_at = time.monotonic()
            while to_submit or waiting:
                if to_submit and time.monotonic() >= next_at:
                    path = to_submit.pop()
                    upload = upload_of(path)
                    waiting[upload.event_id] = path, time.monotonic()
                    submitter.submit(upload)
                    next_at += interval_seconds
                    continue
                self._worker.check()
                ended = watcher.poll(_POLL_SECONDS)
                # A label may come twice: the mock cluster has no transactions.
                if ended is not None and ended.event_id in waiting:
                    path, uploaded_at = waiting.pop(ended.event_id)
                    yield DemoTrack(path, ended, time.monotonic() - uploaded_at)
            submitter.finish(timeout_seconds=_SUBMIT_SECONDS)


@contextmanager
def open_demo(settings: Settings) -> Iterator[Demo]:
    """Start everything, which goes on starting within the body and ends with it."""
    with MockCluster() as cluster:
        fitted = for_demo(settings, bootstrap_servers=cluster.bootstrap_servers)
        topics = fitted.topics
        cluster.create_topics([*topics.inputs, topics.labels, topics.dead_letters])
        with running_worker(fitted) as worker:
            yield Demo(fitted, worker=worker)


def _raise_if_lost(ended: Submitted) -> None:
    if ended.error is not None:
        raise ended.error


def label_of(track: DemoTrack) -> TrackLabelled | None:
    """Give a track's label, or None where it was dead-lettered."""
    return track.ended if isinstance(track.ended, TrackLabelled) else None


def problem_of(track: DemoTrack) -> str:
    """Give why a track was dead-lettered; empty where it was not."""
    return track.ended.problem if isinstance(track.ended, DeadLetter) else ""
