"""Turns one model, one protocol and one seed into a fit and its scores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from training.benchmark.data import BenchmarkData
from training.benchmark.graphs import open_graph
from training.errors import TrainingError
from training.evaluate import TrackScores
from training.models.kind import Effort, FittedInPasses, FittedModel, InputKind, ModelKind, Task
from training.models.pooling import pool_tracks
from training.report.figures import Importance
from training.sides import NotComputable, Protocol, Sides, draw_sides
from training.windows import LabelledWindows

_COMPARED_ROWS = 2_000
"""Test rows over which the exported graph is compared with the model: enough to meet every branch of a tree,
and images take a second a hundred."""

_SUM_TOLERANCE = 1e-3
"""Of a row of probabilities around 1; float32 rounds ten of them to 1e-6."""


class Export(StrEnum):
    """What becomes of a fitted model.

    Attributes
    ----------
    NONE
        Nothing: its scores are enough.
    COMPARED
        It is written as ONNX and compared with the graph, whose size is kept.
    KEPT
        So is the graph itself.
    """

    NONE = "none"
    COMPARED = "compared"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fit of a benchmark.

    Attributes
    ----------
    kind : ModelKind
        What is fitted.
    protocol : Protocol
        How its sides are drawn.
    extra : bool
        Whether the extra table joins the training side.
    seed : int
        Seeds the draw and the fit.
    effort : Effort
        How much work the fit may be.
    export : Export
        What becomes of the fitted model.
    n_shuffles : int
        Shuffles of each feature that its importance is measured by, on the test rows; 0 measures none.
    """

    kind: ModelKind
    protocol: Protocol
    extra: bool
    seed: int
    effort: Effort
    export: Export
    n_shuffles: int = 0

    @property
    def name(self) -> str:
        """Say which fit this is, for a person."""
        extra = " with the extra table" if self.extra else ""
        return f"{self.kind.name} {self.protocol}{extra}, seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one fit gave.

    Attributes
    ----------
    probabilities : ndarray, shape (n, n_genres), float32
        Of the test rows, each in [0, 1], each row summing to 1.
    tracks : ndarray, shape (n,), str
        Track of each test row.
    targets : ndarray, shape (n,), int64
        True genre of each test row, as its place among the genres.
    n_fit : int
        Rows that were fitted to.
    n_parameters : int
        Numbers that the fit chose.
    train_seconds : float
        Processor time of the fit.
    seconds : float
        Wall time of the whole cell.
    graph_bytes : int
        Size of the exported graph; 0 where none was.
    onnx_difference : float
        Largest difference between the model's probabilities and the graph's; NaN where there is no graph.
    losses : tuple of float
        Mean training loss of each pass over the rows, in nats; empty where a model is not fitted in passes.
    importance : tuple of Importance
        How much the model leans on each feature; empty where it was not asked for.
    """

    probabilities: NDArray[np.float32]
    tracks: NDArray[np.str_]
    targets: NDArray[np.int64]
    n_fit: int
    n_parameters: int
    train_seconds: float
    seconds: float
    graph_bytes: int
    onnx_difference: float
    losses: tuple[float, ...] = ()
    importance: tuple[Importance, ...] = ()

    def scores(self) -> TrackScores:
        """Gather the rows by track."""
        names, first, place = np.unique(self.tracks, return_index=True, return_inverse=True)
        order = np.argsort(place, kind="stable")
        parts = np.split(self.probabilities[order], np.cumsum(np.bincount(place))[:-1])
        return TrackScores(tuple(names.tolist()), self.targets[first], tuple(parts))


class BadModelError(TrainingError):
    """A model does not keep to what a `FittedModel` promises."""

    reason = "bad_model"


class Drawer:
    """Draws models' sides, and keeps those that no seed changes. From one thread.

    Parameters
    ----------
    data : BenchmarkData
        What there is to draw from.
    """

    def __init__(self, data: BenchmarkData) -> None:
        self.data = data
        self._joined: dict[tuple[InputKind, Protocol], Sides | NotComputable] = {}

    def draw(self, kind: InputKind, *, protocol: Protocol, extra: bool, seed: int) -> Sides | NotComputable:
        """Draw the sides of a model, pooled to whole tracks where it is given those.

        Tracks are pooled after the draw, each side by itself, so that no window is on both sides.
        """
        # The search of the extra table for copies takes as long as a quick model's fit.
        if not extra or protocol.is_drawn:
            return self._draw(kind, protocol=protocol, extra=extra, seed=seed)
        if (kind, protocol) not in self._joined:
            self._joined[kind, protocol] = self._draw(kind, protocol=protocol, extra=extra, seed=seed)
        return self._joined[kind, protocol]

    def _draw(self, kind: InputKind, *, protocol: Protocol, extra: bool, seed: int) -> Sides | NotComputable:
        tables = self.data.of(kind)
        sides = draw_sides(protocol, tables if extra else replace(tables, extra=None), seed=seed)
        if isinstance(sides, NotComputable) or kind is not InputKind.TRACK:
            return sides
        names = self.data.feature_names
        return Sides(
            pool_tracks(sides.fit, feature_names=names), pool_tracks(sides.test, feature_names=names)
        )


def measure_cell(
    cell: Cell, drawer: Drawer, *, on_progress: Callable[[float], None] = lambda _: None
) -> tuple[Measured, bytes | None]:
    """Fit and score.

    Parameters
    ----------
    cell : Cell
        What to fit.
    drawer : Drawer
        Draws what it is fitted to.
    on_progress : callable, optional
        Called with the share of the fit that is done.

    Returns
    -------
    Measured
        The scores.
    bytes or None
        The exported graph, where it is to be kept.

    Raises
    ------
    BadModelError
        The sides cannot be drawn, or what the model gives are no probabilities.
    """
    began = time.monotonic()
    data = drawer.data
    sides = drawer.draw(cell.kind.input, protocol=cell.protocol, extra=cell.extra, seed=cell.seed)
    if isinstance(sides, NotComputable):
        raise BadModelError(sides.reason)
    names = () if cell.kind.input in {InputKind.IMAGE, InputKind.SERIES} else data.feature_names
    task = Task(genres=data.genres, feature_names=names, effort=cell.effort)
    fit_began = time.process_time()
    model = cell.kind.fit(sides.fit, task=task, seed=cell.seed, on_progress=on_progress)
    train_seconds = time.process_time() - fit_began
    probabilities = _checked(model(sides.test.inputs), n=len(sides.test), n_genres=len(data.genres))
    graph = model.onnx_bytes() if cell.export is not Export.NONE else None
    difference = float("nan") if graph is None else _difference(graph, model, sides.test.inputs)
    importance = _importance(model, cell, sides.test, task=task) if cell.n_shuffles else ()
    measured = Measured(
        probabilities=probabilities,
        tracks=sides.test.tracks,
        targets=sides.test.targets(data.genres),
        n_fit=len(sides.fit),
        n_parameters=model.n_parameters,
        train_seconds=train_seconds,
        seconds=time.monotonic() - began,
        graph_bytes=0 if graph is None else len(graph),
        onnx_difference=difference,
        losses=model.losses if isinstance(model, FittedInPasses) else (),
        importance=importance,
    )
    return measured, graph if cell.export is Export.KEPT else None


def _checked(probabilities: NDArray[np.float32], *, n: int, n_genres: int) -> NDArray[np.float32]:
    if probabilities.shape != (n, n_genres):
        raise BadModelError(f"expected probabilities of shape {(n, n_genres)}, shape={probabilities.shape}")
    if not np.isfinite(probabilities).all() or np.abs(probabilities.sum(axis=1) - 1.0).max() > _SUM_TOLERANCE:
        raise BadModelError("the model gave rows that are no probabilities")
    # Ten roundings may end a hair outside.
    return np.clip(probabilities, 0.0, 1.0).astype(np.float32)


def _difference(graph: bytes, model: FittedModel, inputs: NDArray[np.float32]) -> float:
    step = max(1, -(-len(inputs) // _COMPARED_ROWS))
    asked = np.ascontiguousarray(inputs[::step])
    return float(np.abs(open_graph(graph)(asked) - model(asked)).max())


def _importance(
    model: FittedModel, cell: Cell, windows: LabelledWindows, *, task: Task
) -> tuple[Importance, ...]:
    # It loads both libraries of trees, which take a second, in one cell of a hundred.
    from training.importance import measure_importance  # noqa: PLC0415

    return measure_importance(
        model,
        windows=windows,
        genres=task.genres,
        feature_names=task.feature_names,
        n_repeats=cell.n_shuffles,
        seed=cell.seed,
    )
