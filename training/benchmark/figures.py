"""Turns what a row's fits gave into its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.benchmark.calibrating import calibrate
from training.benchmark.cell import Measured
from training.benchmark.intervals import count_tracks, count_windows, interval
from training.evaluate import TrackScores, confusion
from training.models.kind import InputKind
from training.report.figures import Calibration, ModelFigures
from training.sides import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a report before it is measured out.

    Attributes
    ----------
    name, title, note : str
        As in a report.
    input : InputKind
        What the model is given.
    source_accuracy : float or None
        The source report's.
    protocol : Protocol
        How sides were drawn.
    extra : bool
        Whether the extra table joined the training side.
    fits : tuple of Measured
        One a seed.
    validation : tuple of Measured
        The same model's fits under `validation`, with the same training side; may be empty.
    why : str or None
        Why there is no figure.
    windows_per_second : float or None
        Of the exported graph.
    """

    name: str
    title: str
    note: str
    input: InputKind
    source_accuracy: float | None
    protocol: Protocol
    extra: bool
    fits: tuple[Measured, ...]
    validation: tuple[Measured, ...] = ()
    why: str | None = None
    windows_per_second: float | None = None


def measure_out(entry: Entry, *, n_genres: int) -> ModelFigures:
    """Compute every figure of one line."""
    blank = ModelFigures(
        name=entry.name,
        title=entry.title,
        input=entry.input,
        note=entry.note,
        protocol=entry.protocol,
        extra=entry.extra,
        not_computable=entry.why,
        source_accuracy=entry.source_accuracy,
    )
    if not entry.fits:
        return blank if entry.why else blank.model_copy(update={"not_computable": "nothing was measured"})
    scores = [fit.scores() for fit in entry.fits]
    tracks, first = count_tracks(scores), entry.fits[0]
    figures: dict[str, object] = {
        "track_accuracy": float(tracks.by_seed.mean()),
        "interval": interval(tracks),
        "by_seed": tuple(tracks.by_seed.tolist()),
        "seeds": len(entry.fits),
        "n_fit": first.n_fit,
        "n_windows": len(first.tracks),
        "n_tracks": len(scores[0].tracks),
        "train_seconds": float(np.median([fit.train_seconds for fit in entry.fits])),
        "windows_per_second": entry.windows_per_second,
        "parameters": first.n_parameters,
        "model_bytes": first.graph_bytes or None,
        "onnx_difference": None if np.isnan(first.onnx_difference) else first.onnx_difference,
        "confusion": _confusion(scores, n_genres=n_genres),
        "losses": first.losses,
        "calibration": _calibration(entry, scores),
    }
    if entry.input is not InputKind.TRACK:
        windows = count_windows(scores)
        figures["window_accuracy"] = float(windows.by_seed.mean())
        figures["window_interval"] = interval(windows)
    return ModelFigures.model_validate({**blank.model_dump(), **figures})


def _confusion(scores: Sequence[TrackScores], *, n_genres: int) -> tuple[tuple[int, ...], ...]:
    counts = sum(
        (confusion(score.targets, score.pooled.argmax(axis=1), n_genres=n_genres) for score in scores),
        np.zeros((n_genres, n_genres), dtype=np.int64),
    )
    return tuple(tuple(row) for row in counts.tolist())


def _calibration(entry: Entry, scores: Sequence[TrackScores]) -> Calibration | None:
    # Under the other protocols validation artists are on the training side, or are the test itself.
    if entry.protocol is not Protocol.FAULT_FILTERED or not entry.validation:
        return None
    return calibrate(scores, validation=[fit.scores() for fit in entry.validation])
