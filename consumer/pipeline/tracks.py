"""Turns a track's window probabilities, and what was measured on the way, into its `TrackLabelled`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from consumer.events import (
    AudioSummary,
    GenreProbability,
    ModelStamp,
    Status,
    Timing,
    TrackLabelled,
    TrackUploaded,
    WindowSummary,
    result_id,
)
from consumer.pipeline.genres import compare
from modelzoo.aggregate import Verdict, decide
from modelzoo.manifest import Manifest


@dataclass(frozen=True, slots=True)
class StageSeconds:
    """Where a track's seconds went, from its acceptance to its label.

    `featurize` and `score` are the times of the batches that the track shared, and `wait` is what the others
    leave: time in queues. The five add up to the whole, but for long tracks beside a GPU: there decoding and
    featurizing overlap, and add up to more.
    """

    fetch: float
    decode: float
    featurize: float
    score: float
    wait: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of a track's windows were heard.

    Attributes
    ----------
    policy : str
        Which were wanted: `all`, `first:N`, `spread:N`.
    starts_seconds : tuple of float or None
        Where each begins; None where they follow one another from the track's start.
    stopped_early : bool
        The label had settled, and the rest of those that were wanted was left out.
    """

    policy: str = "all"
    starts_seconds: tuple[float, ...] | None = None
    stopped_early: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """What was measured on a track's way.

    Two moments in UTC, the seconds between, the audio found, and which of its windows were heard.
    """

    started_at: datetime
    labelled_at: datetime
    seconds: StageSeconds
    audio: AudioSummary
    selection: Selection = Selection()


def label_of(
    event: TrackUploaded,
    *,
    probabilities: NDArray[np.float32],
    manifest: Manifest,
    course: Course,
    timeline: bool = True,
    replay_id: str | None = None,
) -> TrackLabelled:
    """Assemble the label of a track.

    Parameters
    ----------
    event : TrackUploaded
        What was asked.
    probabilities : ndarray, shape (n, n_genres), float32, in [0, 1]
        One row a window in order of time, n at least 1, as the scorer of `manifest`'s model gives them.
    manifest : Manifest
        Describes the model.
    course : Course
        What was measured on the way.
    timeline : bool
        Whether the label carries each window's top genre.
    replay_id : str, optional
        Names the replay that this label belongs to.

    Raises
    ------
    ValueError
        There is no window, the probabilities are not the model's, or the starts are not the windows'.
    """
    verdict = decide(probabilities, manifest)
    return TrackLabelled(
        result_id=result_id(event_id=event.event_id, model_sha256=manifest.sha256, replay_id=replay_id),
        event_id=event.event_id,
        track_id=event.track_id,
        status=Status.LABELLED if verdict.genre is not None else Status.ABSTAINED,
        abstain_reason=verdict.abstain_reason,
        genre=verdict.genre,
        confidence=verdict.confidence,
        genres=tuple(
            GenreProbability(genre=genre, probability=probability) for genre, probability in verdict.genres
        ),
        windows=_windows(
            verdict,
            selection=course.selection,
            count=len(probabilities),
            timeline=_timeline(probabilities, manifest) if timeline else None,
        ),
        audio=course.audio,
        declared=compare(event.declared_genre, genre=verdict.genre, known=manifest.genres),
        model=ModelStamp(name=manifest.name, version=manifest.version, features=manifest.feature_set),
        timing=_timing(event, course),
        replay_id=replay_id,
    )


def _timeline(probabilities: NDArray[np.float32], manifest: Manifest) -> tuple[GenreProbability, ...]:
    return tuple(
        GenreProbability(genre=manifest.genres[int(row.argmax())], probability=float(row.max()))
        for row in probabilities
    )


def _windows(
    verdict: Verdict, *, selection: Selection, count: int, timeline: tuple[GenreProbability, ...] | None
) -> WindowSummary:
    starts = selection.starts_seconds
    if starts is not None and len(starts) != count:
        raise ValueError(f"expected the start of each window: windows={count} starts={len(starts)}")
    return WindowSummary(
        count=count,
        agreement=verdict.agreement,
        timeline=timeline,
        starts_seconds=starts if timeline is not None else None,
        policy=selection.policy,
        stopped_early=selection.stopped_early,
    )


def _timing(event: TrackUploaded, course: Course) -> Timing:
    seconds = course.seconds
    return Timing(
        uploaded_at=event.uploaded_at,
        started_at=course.started_at,
        labelled_at=course.labelled_at,
        fetch_seconds=seconds.fetch,
        decode_seconds=seconds.decode,
        featurize_seconds=seconds.featurize,
        score_seconds=seconds.score,
        wait_seconds=seconds.wait,
    )
