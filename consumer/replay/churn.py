"""Turns what a candidate model says, track by track, into the report of what would change."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import datetime
from itertools import count
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consumer.replay.churn_report import (
    Abstentions,
    ChangedTrack,
    ChurnReport,
    Confidence,
    Counts,
    Declared,
    GenreCount,
    ModelCount,
    Move,
    ReasonCount,
    Side,
    Spread,
)
from consumer.replay.plan import Terms
from consumer.replay.standing import Opinion, StandingLabels, distance

MOST_CHANGED: Final = 50
"""As many tracks as a person may listen to."""
_BINS: Final = 20
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)

_Thing = TypeVar("_Thing", bound=Hashable)


class ChurnTally:
    """Counts what changes, each judged track once; one thread. A compared track takes 16 bytes.

    Parameters
    ----------
    standing : StandingLabels
        The labels as they are.
    most_changed : int
        How many of the tracks that changed most are kept.
    """

    def __init__(self, standing: StandingLabels, *, most_changed: int = MOST_CHANGED) -> None:
        self._standing = standing
        self._most_changed = most_changed
        self._kinds: Counter[str] = Counter()
        self._moves: Counter[tuple[str | None, str | None]] = Counter()
        self._models: Counter[tuple[str, str]] = Counter()
        self._new_genres: Counter[str | None] = Counter()
        self._declared: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._confidence = (array("d"), array("d"))
        self._heap: list[tuple[float, str, int, Opinion, Opinion]] = []
        self._numbers = count()

    def judge(self, track_id: str, after: Opinion) -> None:
        """Count what the candidate says about a track."""
        before = self._standing.find(track_id)
        if before is None:
            self._new_genres[after.genre] += 1
        elif before.uploaded_at > after.uploaded_at:
            self._kinds["newer_elsewhere"] += 1
        else:
            self._compare(track_id, before, after)

    def fail(self, reason: str) -> None:
        """Count an upload that cannot be labelled."""
        self._failures[reason] += 1

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what of the range is no track to be judged."""
        self._left_out[reason] += count

    def report(self, terms: Terms, *, made_at: datetime, finished: bool) -> ChurnReport:
        """Give the report of all that was counted."""
        compared = self._moves.total()
        changed = sum(tracks for (before, after), tracks in self._moves.items() if before != after)
        newer, new = self._kinds["newer_elsewhere"], self._new_genres.total()
        return ChurnReport(
            made_at=made_at,
            finished=finished,
            terms=terms,
            counts=Counts(
                judged=compared + newer + new,
                compared=compared,
                changed=changed,
                without_label=new,
                newer_elsewhere=newer,
                failed=self._failures.total(),
                current_labels=len(self._standing),
            ),
            share_changed=changed / compared if compared else None,
            before_models=tuple(
                ModelCount(model=model, version=version, tracks=tracks)
                for (model, version), tracks in _ranked(self._models)
            ),
            matrix=tuple(
                Move(before=before, after=after, tracks=tracks)
                for (before, after), tracks in _ranked(self._moves)
            ),
            confidence=self._spreads(),
            abstentions=self._abstentions(),
            declared=Declared(
                tracks=self._declared["tracks"],
                agreed_before=self._declared["before"],
                agree_after=self._declared["after"],
            ),
            most_changed=self._most(),
            without_label=tuple(
                GenreCount(genre=genre, tracks=tracks) for genre, tracks in _ranked(self._new_genres)
            ),
            failures=_reasons(self._failures),
            left_out=_reasons(self._left_out),
        )

    def _compare(self, track_id: str, before: Opinion, after: Opinion) -> None:
        self._moves[before.genre, after.genre] += 1
        self._models[before.model, before.version] += 1
        self._confidence[0].append(before.confidence)
        self._confidence[1].append(after.confidence)
        if before.agrees is not None and after.agrees is not None:
            self._declared["tracks"] += 1
            self._declared["before"] += before.agrees
            self._declared["after"] += after.agrees
        if before.genre != after.genre:
            self._note(track_id, before, after)

    def _note(self, track_id: str, before: Opinion, after: Opinion) -> None:
        # Of equal distances the id decides, so that two runs over the same tracks name the same ones.
        entry = (distance(before.shares, after.shares), track_id, next(self._numbers), before, after)
        if len(self._heap) < self._most_changed:
            heapq.heappush(self._heap, entry)
        elif self._heap and entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def _most(self) -> tuple[ChangedTrack, ...]:
        return tuple(
            ChangedTrack(
                track_id=track_id,
                uploaded_at=after.uploaded_at,
                distance=moved,
                before=_side(before),
                after=_side(after),
            )
            for moved, track_id, _, before, after in sorted(self._heap, reverse=True)
        )

    def _spreads(self) -> Confidence | None:
        before, after = (np.frombuffer(kept, np.float64) for kept in self._confidence)
        if not len(before):
            return None
        return Confidence(
            before=_spread(before, low=0.0),
            after=_spread(after, low=0.0),
            shift=_spread(after - before, low=-1.0),
        )

    def _abstentions(self) -> Abstentions:
        def total(*, before: bool | None = None, after: bool | None = None) -> int:
            return sum(
                tracks
                for (was, becomes), tracks in self._moves.items()
                if before in (None, was is None) and after in (None, becomes is None)
            )

        return Abstentions(
            before=total(before=True),
            after=total(after=True),
            begun=total(before=False, after=True),
            ended=total(before=True, after=False),
        )


def _spread(numbers: NDArray[np.float64], *, low: float) -> Spread:
    p05, p25, median, p75, p95 = np.quantile(numbers, _QUANTILES).tolist()
    histogram, _ = np.histogram(numbers, bins=_BINS, range=(low, 1.0))
    return Spread(
        mean=float(numbers.mean()),
        p05=p05,
        p25=p25,
        median=median,
        p75=p75,
        p95=p95,
        low=low,
        high=1.0,
        histogram=tuple(histogram.tolist()),
    )


def _side(opinion: Opinion) -> Side:
    return Side(
        genre=opinion.genre, confidence=opinion.confidence, model=opinion.model, version=opinion.version
    )


def _ranked(counts: Counter[_Thing]) -> Iterable[tuple[_Thing, int]]:
    """Give the counts, the greatest first; of equal ones in the order of their names."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _reasons(counts: Counter[str]) -> tuple[ReasonCount, ...]:
    return tuple(ReasonCount(reason=reason, count=count) for reason, count in _ranked(counts) if count)
