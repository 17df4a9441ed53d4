"""Turns a range of uploads or features into a report of what another model would change; writes nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from consumer.config import Settings
from consumer.events import TrackLabelled
from consumer.jobs import TopicPartition
from consumer.replay.churn import ChurnTally
from consumer.replay.churn_report import ChurnReport
from consumer.replay.pace import Pace
from consumer.replay.plan import Terms
from consumer.replay.progress import ReplayProgress
from consumer.replay.running import Onlooker
from consumer.replay.standing import StandingLabels, opinion_of
from consumer.replay.stopping import StopRequest
from modelzoo.registry import Artifact

if TYPE_CHECKING:
    from consumer.kafka import OffsetRange

_PASSES: Final = 2
"""Over the log of labels: for each track's current one, and to read those."""
_LOOK_SECONDS: Final = 0.5


class StoppedError(Exception):
    """A stop was asked for while something was read."""


@dataclass(frozen=True, slots=True)
class LabelLog:
    """The labels that there are.

    Attributes
    ----------
    offsets : int
        Length of the log.
    current : callable
        Gives each track's current label, reading the log twice; is given whom to tell how many offsets were
        passed.
    """

    offsets: int
    current: Callable[[Callable[[int], None]], Iterable[TrackLabelled]]


@dataclass(frozen=True, slots=True)
class DryRun:
    """What is tried.

    Attributes
    ----------
    terms : Terms
        Source, bounds and model.
    ranges : Mapping of TopicPartition to OffsetRange
        Of the source.
    artifact : Artifact
        The model.
    labels : LabelLog
        What it is compared with.
    rate : float or None
        Most tracks a second.
    """

    terms: Terms
    ranges: Mapping[TopicPartition, OffsetRange]
    artifact: Artifact
    labels: LabelLog
    rate: float | None = None

    @property
    def total(self) -> int:
        """How many offsets the ranges have."""
        return sum(map(len, self.ranges.values()))


class Watch:
    """Tells an onlooker how far a dry run is, and ends it where a stop is asked for; one thread.

    Parameters
    ----------
    run : DryRun
        What is tried.
    stop : StopRequest
        Looked at whenever something is told.
    onlooker : Onlooker
        Told of the progress.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        run: DryRun,
        *,
        stop: StopRequest,
        onlooker: Onlooker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = run.total
        self._to_read = _PASSES * run.labels.offsets + run.total
        self._stop = stop
        self._onlooker = onlooker
        self._clock = clock
        self._read = 0
        self._begun: tuple[float, int] | None = None
        self._told_at = -math.inf

    def check(self) -> None:
        """Raise `StoppedError` where a stop was asked for."""
        if self._stop.asked:
            raise StoppedError

    def read(self, offsets: int) -> None:
        """Take note of offsets that were passed on the way to what is to be labelled."""
        self.check()
        self._read += offsets
        self._onlooker.on_read(self._read, self._to_read)

    def goes_on(self, offsets: int) -> bool:
        """Do as `read` does, for readers that want to be told whether to go on."""
        self.read(offsets)
        return True

    def warm(self) -> None:
        """Take note that the engine warms up."""
        self.check()
        self._onlooker.on_warming()

    def label(self, done: int) -> None:
        """Take note of how many offsets of the ranges are done in all."""
        self.check()
        now = self._clock()
        # The first batch was under way before anything was told: its seconds are not known.
        since, before = self._begun = self._begun or (now, done)
        if now - self._told_at >= _LOOK_SECONDS or done == self._total:
            self._told_at = now
            rate = (done - before) / (now - since) if now > since else 0.0
            self._onlooker.on_progress(ReplayProgress(done, self._total, rate, finished=done == self._total))


def try_model(settings: Settings, run: DryRun, *, stop: StopRequest, onlooker: Onlooker) -> ChurnReport:
    """Label the newest upload of each track by the model and report what would change; blocks.

    Nothing is written to Kafka and no group is joined. Where a stop is asked for the report is about what
    was done until then. Memory is some 150 bytes a track.

    Parameters
    ----------
    settings : Settings
        The service's.
    run : DryRun
        What is tried.
    stop : StopRequest
        Looked at all along.
    onlooker : Onlooker
        Told of the progress.

    Raises
    ------
    FatalError, ModelError, DeviceUnavailableError
        The work cannot go on.
    BrokerError
        The broker does not answer, or refuses us.
    """
    watch = Watch(run, stop=stop, onlooker=onlooker)
    standing = StandingLabels()
    tally = ChurnTally(standing)
    finished = False
    try:
        for label in run.labels.current(watch.read):
            standing.add(label.track_id, opinion_of(label))
        _judge(settings, run, tally=tally, watch=watch)
        finished = True
    except StoppedError:
        pass
    return tally.report(run.terms, made_at=datetime.now(UTC), finished=finished)


def _judge(settings: Settings, run: DryRun, *, tally: ChurnTally, watch: Watch) -> None:
    # Imported here: onnxruntime, librdkafka and the adapters take a while, and a source needs its own alone.
    pace = Pace(run.rate)
    if run.terms.source == "uploads":
        from consumer.replay.trying_uploads import judge_uploads  # noqa: PLC0415

        judge_uploads(settings, run, tally=tally, watch=watch, pace=pace)
    else:
        from consumer.replay.trying_features import judge_features  # noqa: PLC0415

        judge_features(settings, run, tally=tally, watch=watch, pace=pace)
