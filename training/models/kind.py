"""Turns a model's name into what the benchmark needs of it: how it is fitted and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from training.windows import LabelledWindows


class InputKind(StrEnum):
    """What one row of `LabelledWindows.inputs` is.

    Attributes
    ----------
    FEATURES
        Shape (width,): raw features of a window, or an outside network's embedding of it.
    TRACK
        Shape (2 * width,): mean and standard deviation of a track's FEATURES over its windows
        (`training.models.pooling`); one row a track.
    SERIES
        Shape (n_frames, n_mfcc): cepstral coefficients of a window, frame by frame.
    IMAGE
        Shape (n_mels, n_columns): log-mel spectrogram of a window or a track in [0, 1], low bands first.
    """

    FEATURES = "features"
    TRACK = "track"
    SERIES = "series"
    IMAGE = "image"


class Effort(StrEnum):
    """How much work a fit may be: FULL for figures, QUICK for a look that takes seconds."""

    FULL = "full"
    QUICK = "quick"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model is fitted for.

    Attributes
    ----------
    genres : tuple of str
        The outputs, in order, at least two.
    feature_names : tuple of str
        Names of the columns of FEATURES; empty where they have none (embeddings, series, images).
    effort : Effort
        How much work the fit may be.
    """

    genres: tuple[str, ...]
    feature_names: tuple[str, ...] = ()
    effort: Effort = Effort.FULL


class FittedModel(Protocol):
    """A fitted model: raw inputs in, probabilities out."""

    @property
    def n_parameters(self) -> int:
        """Numbers that the fit chose: weights, trees' thresholds and leaves, neighbours' stored values."""
        ...

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score rows.

        Parameters
        ----------
        inputs : ndarray, shape (n, ...), float32
            Rows of the kind's input; n may be 0.

        Returns
        -------
        ndarray, shape (n, n_genres), float32
            Probabilities in [0, 1], each row summing to 1. A row depends on its own input alone.
        """
        ...

    def onnx_bytes(self) -> bytes:
        """Write the model as one ONNX graph.

        One input of shape (n, ...), float32, and one output of shape (n, n_genres), float32: what `__call__`
        takes and gives, within 1e-5, with every scaling inside. The same model gives the same bytes.
        """
        ...


@runtime_checkable
class FittedInPasses(Protocol):
    """A fitted model that saw its rows many times, and tells how well it did each time."""

    @property
    def losses(self) -> tuple[float, ...]:
        """Mean training loss of each pass, in nats: of augmented rows, against smoothed targets."""
        ...


class Fit(Protocol):
    """Fits one model."""

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedModel:
        """Fit a model; the result depends on nothing but the arguments, at one thread.

        Parameters
        ----------
        windows : LabelledWindows
            What to fit to. Its weights say how much each row counts.
        task : Task
            What for. Every genre of the task has at least one row.
        seed : int
            Seeds everything that is drawn.
        on_progress : callable
            Called now and then with the share that is done, in [0, 1].
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind:
    """A kind of model that can be trained.

    Attributes
    ----------
    name : str
        As on the command line: lower case and dashes.
    title : str
        As in a report.
    input : InputKind
        What it is given.
    fit : Fit
        Fits it.
    note : str
        What a reader of its figures must know: architecture, epochs, input size, weights it began with.
    source_accuracy : float or None
        What the source report's Table 1 gives for it, in [0, 1].
    by_default : bool
        Whether a benchmark that names no models trains it.
    needs_names : bool
        Whether it can be given the named features of `gtzan57` only: no embeddings.
    """

    name: str
    title: str
    input: InputKind
    fit: Fit
    note: str
    source_accuracy: float | None = None
    by_default: bool = True
    needs_names: bool = False
