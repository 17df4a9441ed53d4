"""Turns the events of one track into its whole: features in order, and the seconds that each stage took."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from consumer.decoding.messages import Fetched, Finished
from consumer.events import AudioSummary
from consumer.jobs import TrackJob
from consumer.pipeline.casting import LIVE
from consumer.pipeline.scoring import ScorerPort
from consumer.pipeline.settling import Settling
from consumer.pipeline.tracks import Course, Selection, StageSeconds


@dataclass(slots=True, eq=False)
class TrackUnderWay:
    """A job from its acceptance to its completion; owned by the pipeline's thread.

    Attributes
    ----------
    job : TrackJob
        What was asked.
    scorer : ScorerPort
        The model that was current when the job was accepted; the track keeps it.
    accepted : float
        When, in monotonic seconds.
    started_at : datetime
        The same moment in UTC.
    role : str
        In which role that model speaks: live or canary.
    settling : Settling or None
        Tells when its label has settled; None where nobody asks, or any more.
    """

    job: TrackJob
    scorer: ScorerPort
    accepted: float
    started_at: datetime
    role: str = LIVE
    fetch_seconds: float = 0.0
    featurize_seconds: float = 0.0
    settling: Settling | None = None
    _parts: list[NDArray[np.float32] | None] = field(default_factory=list)
    _finished: Finished | None = None

    @property
    def decoded(self) -> bool:
        """Whether its child has ended with it."""
        return self._finished is not None

    def fetched(self, fetched: Fetched) -> None:
        """Note how long the fetch took, and which track it turned out to be."""
        self.fetch_seconds = fetched.seconds
        if fetched.otherwise:
            self.job = replace(self.job, event=self.job.event.read_otherwise())

    def expect(self) -> int:
        """Note that a part of the windows is on its way, and give its index."""
        self._parts.append(None)
        return len(self._parts) - 1

    def fill(self, index: int, features: NDArray[np.float32]) -> None:
        """Take the features [n, width] of a part."""
        self._parts[index] = features

    def finish(self, finished: Finished) -> None:
        """Note that all parts have been announced."""
        self._finished = finished
        self.featurize_seconds += finished.featurize_seconds

    def features(self) -> NDArray[np.float32] | None:
        """Give all features, float32 [n, width], in order of time; None while some are missing."""
        parts = [part for part in self._parts if part is not None]
        if self._finished is None or len(parts) < len(self._parts):
            return None
        return np.concatenate(parts)

    def selection(self, *, policy: str, window_seconds: float) -> Selection:
        """Say which windows were heard, of which `policy` wanted how many.

        Raises
        ------
        ValueError
            The track is not decoded yet.
        """
        if self._finished is None:
            raise ValueError("the track is not decoded yet")
        numbers = self._finished.windows
        starts = None if numbers is None else tuple(number * window_seconds for number in numbers)
        return Selection(policy, starts, stopped_early=self._finished.stopped)

    def course(
        self, *, now: float, labelled_at: datetime, score_seconds: float, selection: Selection
    ) -> Course:
        """Give what was measured; `now` in monotonic seconds.

        Raises
        ------
        ValueError
            The child's report on the audio makes no sense.
        """
        if self._finished is None:
            raise ValueError("the track is not decoded yet")
        worked = self.fetch_seconds + self._finished.decode_seconds + self.featurize_seconds + score_seconds
        return Course(
            started_at=self.started_at,
            labelled_at=labelled_at,
            seconds=StageSeconds(
                fetch=self.fetch_seconds,
                decode=self._finished.decode_seconds,
                featurize=self.featurize_seconds,
                score=score_seconds,
                wait=max(now - self.accepted - worked, 0.0),
            ),
            audio=AudioSummary(
                duration_seconds=self._finished.duration_seconds,
                codec=self._finished.codec,
                sample_rate=self._finished.sample_rate,
                warnings=self._finished.warnings,
            ),
            selection=selection,
        )
