"""Turns a seed's choices into uploads, their fates, and an engine that lets them meet those fates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Queue
from random import Random
from typing import Final

import numpy as np

from consumer.errors import AudioNotFoundError, DecoderCrashedError, FetchTimeoutError
from consumer.events import (
    AudioSummary,
    GenreProbability,
    ModelStamp,
    Status,
    Timing,
    TrackLabelled,
    TrackUploaded,
    WindowSummary,
)
from consumer.feature_record import TrackFeatures
from consumer.jobs import Completion, Ticket, TopicPartition, TrackJob
from consumer.simulation.timeline import EPOCH_SECONDS, Timeline
from featurizer.spec import GTZAN57

LARGE_WINDOWS: Final = 10
"""Of a track whose features are larger than the simulated log takes."""
_FINGERPRINT: Final = GTZAN57.fingerprint
_UPLOADED_AT: Final = datetime.fromtimestamp(EPOCH_SECONDS, tz=UTC)
_HUGE_TIMELINE: Final = tuple(GenreProbability(genre="jazz", probability=1.0) for _ in range(100))
_TEMPLATE: Final = TrackLabelled(
    result_id="",
    event_id="-",
    track_id="-",
    status=Status.LABELLED,
    genre="jazz",
    confidence=0.9,
    genres=(GenreProbability(genre="jazz", probability=0.9),),
    windows=WindowSummary(count=10, agreement=0.8),
    audio=AudioSummary(duration_seconds=30.0, codec="mp3", sample_rate=44_100),
    model=ModelStamp(name="simulated", version="1", features="none"),
    timing=Timing(
        uploaded_at=_UPLOADED_AT,
        started_at=_UPLOADED_AT,
        labelled_at=_UPLOADED_AT,
        fetch_seconds=0.0,
        decode_seconds=0.0,
        featurize_seconds=0.0,
        score_seconds=0.0,
        wait_seconds=0.0,
    ),
)


def upload(number: int) -> bytes:
    """Give the message of the n-th upload."""
    event = TrackUploaded(
        event_id=f"event-{number}",
        track_id=f"track-{number}",
        audio_uri=f"file:///music/{number}.mp3",
        uploaded_at=_UPLOADED_AT,
    )
    return event.model_dump_json(exclude_defaults=True).encode()


def label(event: TrackUploaded, *, attempt: int, huge: bool = False, n_windows: int = 1) -> TrackLabelled:
    """Give a label whose `result_id` tells the attempt, as an oracle wants to know it."""
    update: dict[str, object] = {
        "event_id": event.event_id,
        "track_id": event.track_id,
        "result_id": f"{event.event_id}/{attempt}",
    }
    windows: dict[str, object] = {"count": n_windows, **({"timeline": _HUGE_TIMELINE} if huge else {})}
    update["windows"] = _TEMPLATE.windows.model_copy(update=windows)
    return _TEMPLATE.model_copy(update=update)


def features(event: TrackUploaded, *, attempt: int, large: bool = False) -> TrackFeatures:
    """Give features whose policy tells the attempt; the `large` ones fit no record of the simulated log."""
    return TrackFeatures(
        event_id=event.event_id,
        track_id=event.track_id,
        audio_uri=event.audio_uri,
        uploaded_at=event.uploaded_at,
        declared_genre=None,
        audio=_TEMPLATE.audio,
        policy=str(attempt),
        starts_seconds=None,
        stopped_early=False,
        feature_set=GTZAN57.name,
        spec_fingerprint=_FINGERPRINT,
        features=np.zeros((LARGE_WINDOWS if large else 1, GTZAN57.width), np.float32),
    )


@dataclass(slots=True)
class SimulatedEngine:
    """Ends each job after a random while, in any order, by a fate drawn at random; or never.

    Attributes
    ----------
    on_check : Callable[[], None]
        Called once a turn of the loop, outside any request: where a process may stall or die.
    keeps_features : bool
        Whether labels come with features, for the feature log.
    completions : Queue of Completion
        Where jobs end.
    """

    timeline: Timeline
    rng: Random
    on_check: Callable[[], None]
    keeps_features: bool = False
    completions: Queue[Completion] = field(default_factory=Queue)
    _unstarted: dict[Ticket, TopicPartition] = field(default_factory=dict)

    def submit(self, job: TrackJob) -> None:
        """Plan the job's start and its end."""
        self._unstarted[job.ticket] = job.ticket.topic_partition
        start_seconds = self.rng.choice((0.0, 0.0, 0.2))
        self.timeline.plan(start_seconds, lambda: self._start(job))

    def _start(self, job: TrackJob) -> None:
        if self._unstarted.pop(job.ticket, None) is None:
            return
        fate = self.rng.random()
        if fate < 0.04:
            return  # the deadline must end it
        seconds = 5.0 if fate < 0.06 else self.rng.expovariate(4.0)  # some come after their deadline
        self.timeline.plan(seconds, lambda: self.completions.put(self._complete(job)))

    def _complete(self, job: TrackJob) -> Completion:
        result = self._end(job)
        if not self.keeps_features or isinstance(result, BaseException):
            return Completion(job.ticket, result)
        large = result.windows.count == LARGE_WINDOWS
        return Completion(job.ticket, result, features(job.event, attempt=job.attempt, large=large))

    def _end(self, job: TrackJob) -> TrackLabelled | BaseException:
        fate = self.rng.random()
        if fate < 0.08:
            return AudioNotFoundError("nothing there")
        if fate < 0.16:
            return FetchTimeoutError("too slow")
        if fate < 0.20:
            return DecoderCrashedError("signal 11")
        if fate < 0.22:
            return ValueError("a bug of ours")
        n_windows = LARGE_WINDOWS if fate > 0.9 else 1
        return label(job.event, attempt=job.attempt, huge=fate < 0.25, n_windows=n_windows)

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> list[Ticket]:
        """Forget what has not started."""
        gone = [
            ticket
            for ticket, partition in self._unstarted.items()
            if partition == topic_partition and ticket.epoch == epoch
        ]
        for ticket in gone:
            del self._unstarted[ticket]
        return gone

    def check(self) -> None:
        """Never fail by itself."""
        self.on_check()

    def close(self) -> None:
        """Do nothing: no job holds anything."""
