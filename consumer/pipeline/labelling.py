"""Turns jobs that have begun into completions: decode in children, featurize, score, assemble the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

import structlog

from consumer.decoding.events import Event, Failed, Samples, Vectors
from consumer.decoding.messages import Fetched, Finished, Retried, Task
from consumer.errors import ConsumerError, TrackDeadlineError, UnexpectedError
from consumer.events import TrackLabelled
from consumer.jobs import Completion
from consumer.metrics import Metrics
from consumer.pipeline.featurizing import Array, Part
from consumer.pipeline.heard import HeardTrack, Onlooker
from consumer.pipeline.keeping import kept_features
from consumer.pipeline.scoring import Scored
from consumer.pipeline.settling import Settling
from consumer.pipeline.stages import Stages
from consumer.pipeline.tracks import label_of
from consumer.pipeline.under_way import TrackUnderWay
from consumer.window_settings import EarlyStopSettings
from featurizer.errors import FeaturizerError
from featurizer.window_policy import WindowPolicy
from modelzoo.errors import ModelError

_OURS: Final = (ConsumerError, FeaturizerError, ModelError)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every track.

    Attributes
    ----------
    fetch_seconds : float
        Most seconds of a fetch.
    timeline : bool
        Whether labels carry a timeline.
    policy : WindowPolicy
        Which windows the children are told to use.
    window_seconds : float
        Length of one.
    early_stop : EarlyStopSettings
        When a track has been heard enough.
    keep_features : bool
        Whether completions carry the features, for the feature log.
    """

    fetch_seconds: float
    timeline: bool
    policy: WindowPolicy
    window_seconds: float
    early_stop: EarlyStopSettings
    keep_features: bool = False


class Labelling:
    """The tracks under way; owned by the pipeline's thread.

    Parameters
    ----------
    stages : Stages
        The machines; they stay the caller's to close.
    rules : Rules
        What holds for every track.
    metrics : Metrics
        Counts the machines' work. What a label says is counted where it is committed.
    clock : callable
        Monotonic seconds.
    wall_clock : callable
        The time in UTC.

    Attributes
    ----------
    onlooker : callable or None
        Is told of every track that gets a label, before the label goes out of hand; must neither block nor
        raise.
    """

    def __init__(
        self,
        stages: Stages,
        *,
        rules: Rules,
        metrics: Metrics,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._pool = stages.pool
        self._featurizing = stages.featurizing
        self._scoring = stages.scoring
        self._rules = rules
        self._metrics = metrics
        self._clock = clock
        self._wall_clock = wall_clock
        self._numbers = count(1)
        self.onlooker: Onlooker | None = None
        self._tracks: dict[int, TrackUnderWay] = {}
        self._completions: list[Completion] = []

    @property
    def capacity(self) -> int:
        """How many tracks can begin now."""
        return self._pool.idle

    @property
    def busy(self) -> bool:
        """Whether any track is under way."""
        return bool(self._tracks)

    def begin(self, track: TrackUnderWay) -> bool:
        """Give a track to an idle child; False if none takes it."""
        number = next(self._numbers)
        event, deadline = track.job.event, track.job.deadline
        fetch_seconds = min(self._rules.fetch_seconds, deadline - self._clock())
        task = Task(
            number,
            track_id=event.track_id,
            uri=event.audio_uri,
            fetch_seconds=fetch_seconds,
            spelling=event.audio_uri_spelling,
            otherwise=event.otherwise.audio_uri if event.otherwise else None,
        )
        begun = self._pool.assign(task, deadline=deadline)
        if begun:
            self._tracks[number] = track
            if self._rules.early_stop.confidence is not None:
                track.settling = Settling(track.scorer.manifest, rule=self._rules.early_stop)
        return begun

    def turn(self, timeout_seconds: float) -> list[Completion]:
        """Wait for something to do, at most so long, do it, and give the jobs that have ended.

        Raises
        ------
        FatalError, ModelError, DeviceUnavailableError
            No track can be labelled any more.
        """
        for event in self._pool.poll(self._patience(timeout_seconds)):
            self._take(event)
        self._featurize()
        self._score()
        self._give_up()
        completions, self._completions = self._completions, []
        return completions

    def _patience(self, timeout_seconds: float) -> float:
        due_at = self._scoring.due_at()
        if self._featurizing is not None:
            due_at = min(due_at, self._featurizing.due_at())
        return max(min(timeout_seconds, due_at - self._clock()), 0.0)

    def _take(self, event: Event) -> None:
        track = self._tracks.get(event.number)
        if isinstance(event, Samples) and (track is None or self._featurizing is None):
            event.release()
        if track is None:  # it failed already, in a batch
            return
        match event:
            case Retried():
                self._metrics.fetch_retries.labels(event.cause).inc()
            case Fetched():
                track.fetched(event)
                self._observe("fetch", event.seconds)
                self._metrics.fetched_bytes.inc(event.size_bytes)
            case Vectors():
                self._fill(event.number, track, part=track.expect(), features=event.features)
            case Samples() if self._featurizing is not None:
                self._featurizing.add(Part(event.number, track.expect()), event)
            case Finished():
                track.finish(event)
                self._observe("decode", event.decode_seconds)
                self._count_cpu(event)
                self._metrics.audio_seconds.inc(event.duration_seconds)
                self._advance(event.number, track)
            case Failed():
                self._complete(event.number, event.error)

    def _featurize(self) -> None:
        if self._featurizing is None:
            return
        for batch in self._featurizing.collect():
            for number in {part.number for part, _ in batch.parts} & self._tracks.keys():
                self._tracks[number].featurize_seconds += batch.seconds
            for part, result in batch.parts:
                self._take_features(part, result)
        self._featurizing.start(alone=not self._pool.busy)

    def _take_features(self, part: Part, result: Array | Exception) -> None:
        track = self._tracks.get(part.number)
        if track is None:
            return
        if isinstance(result, Exception):
            self._complete(part.number, result)
            return
        self._fill(part.number, track, part=part.index, features=result)
        self._advance(part.number, track)

    def _fill(self, number: int, track: TrackUnderWay, *, part: int, features: Array) -> None:
        track.fill(part, features)
        if track.settling is None or track.decoded:
            return
        try:
            settled = track.settling.add(track.scorer(features))
        except ModelError:
            raise
        except Exception:  # noqa: BLE001 - the score of the whole track fails alike, and says why
            settled = True
        if settled:
            track.settling = None
            self._pool.say_enough(number)

    def _advance(self, number: int, track: TrackUnderWay) -> None:
        features = track.features()
        if features is not None:
            self._observe("featurize", track.featurize_seconds)
            self._scoring.add(number, features=features, scorer=track.scorer)

    def _score(self) -> None:
        others = self._pool.busy or (self._featurizing is not None and self._featurizing.busy)
        for scored in self._scoring.run(alone=not others):
            self._label(scored)

    def _label(self, scored: Scored[int]) -> None:
        track = self._tracks.get(scored.key)
        if track is None:  # it was given up
            return
        if isinstance(scored.result, Exception):
            self._complete(scored.key, scored.result)
            return
        self._observe("score", scored.seconds)
        try:
            course = track.course(
                now=self._clock(),
                labelled_at=self._wall_clock(),
                score_seconds=scored.seconds,
                selection=track.selection(
                    policy=str(self._rules.policy), window_seconds=self._rules.window_seconds
                ),
            )
            label = label_of(
                track.job.event,
                probabilities=scored.result,
                manifest=track.scorer.manifest,
                course=course,
                timeline=self._rules.timeline,
            )
        except ValueError as exc:  # what no model or child of ours says; pydantic's errors are ValueErrors
            self._complete(scored.key, exc)
            return
        self._observe("wait", course.seconds.wait)
        self._tell(track, label)
        del self._tracks[scored.key]
        kept = kept_features(track, course) if self._rules.keep_features else None
        self._completions.append(Completion(track.job.ticket, label, kept))

    def _tell(self, track: TrackUnderWay, label: TrackLabelled) -> None:
        models = self._metrics.models
        models.tracks.labels(track.role, label.model.name, label.model.version, label.status.value).inc()
        models.confidence.labels(track.role, label.model.name, label.model.version).observe(label.confidence)
        features = track.features() if self.onlooker is not None else None
        if self.onlooker is not None and features is not None:
            self.onlooker(
                HeardTrack(label, features=features, manifest=track.scorer.manifest, role=track.role)
            )

    def _give_up(self) -> None:
        """End what has passed its deadline in the parent; the pool does it for what a child holds."""
        now = self._clock()
        late = [
            number for number, track in self._tracks.items() if track.decoded and track.job.deadline <= now
        ]
        for number in late:
            self._complete(number, TrackDeadlineError("the track's deadline passed before it was scored"))

    def _complete(self, number: int, error: Exception) -> None:
        track = self._tracks.pop(number)
        if not isinstance(error, _OURS):
            event = track.job.event
            _log.error("unexpected error", track_id=event.track_id, event_id=event.event_id, exc_info=error)
            error = UnexpectedError(f"{type(error).__name__}: {error}")
        self._completions.append(Completion(track.job.ticket, error))

    def _count_cpu(self, finished: Finished) -> None:
        count_of = self._metrics.stage_cpu_seconds.labels
        count_of("fetch").inc(finished.fetch_cpu_seconds)
        count_of("decode").inc(finished.decode_cpu_seconds)
        count_of("featurize").inc(finished.featurize_cpu_seconds)

    def _observe(self, stage: str, seconds: float) -> None:
        self._metrics.stage_seconds.labels(stage).observe(seconds)
