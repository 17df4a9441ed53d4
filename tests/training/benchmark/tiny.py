"""Turns a seed into tables and models so small that a whole benchmark takes seconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.training.synthetic import GENRES, N_TRACKS, N_WINDOWS, SIDES
from training.benchmark.cell import Cell
from training.benchmark.data import BenchmarkData
from training.models.kind import InputKind, ModelKind, Task
from training.sides import Tables
from training.splits import TrackLists
from training.windows import LabelledWindows

WIDTH = 6


def make_windows(*, seed: int = 0, first_track: int = 0, spread: float = 1.5) -> LabelledWindows:
    """Make windows whose genres differ by their means, and whose tracks do too."""
    rng = np.random.default_rng(seed)
    names = [
        f"{genre}.{number:05d}" for genre in GENRES for number in range(first_track, first_track + N_TRACKS)
    ]
    tracks = np.repeat(np.array(names), N_WINDOWS)
    genres = np.array([name.partition(".")[0] for name in tracks.tolist()])
    place = np.array([GENRES.index(genre) for genre in genres.tolist()], dtype=np.float32)
    middle = np.repeat(rng.normal(scale=spread, size=(len(names), WIDTH)), N_WINDOWS, axis=0)
    inputs = (place[:, None] + middle + rng.normal(scale=0.2, size=middle.shape)).astype(np.float32)
    return LabelledWindows(inputs, genres, tracks, np.ones(len(tracks), dtype=np.float32))


def make_lists() -> TrackLists:
    """Divide the made-up tracks as the made-up data folder does."""
    train, valid, test = (
        frozenset(f"{genre}.{number:05d}" for genre in GENRES for number in SIDES[side])
        for side in ("train", "valid", "test")
    )
    return TrackLists(train=train, valid=valid, test=test, excluded=frozenset(), twins=(), artists={})


def make_data(*, extra: bool = False, seed: int = 0) -> BenchmarkData:
    """Make one table, and one that joins it."""
    joined = make_windows(seed=seed + 1, first_track=100).weighing(0.3) if extra else None
    tables = Tables(own=make_windows(seed=seed), extra=joined, lists=make_lists(), copy_distance=1e-3)
    return BenchmarkData(tables={InputKind.FEATURES: tables}, genres=GENRES, feature_names=(), figures=())


@dataclass(frozen=True, slots=True)
class Centroids:
    """The softmax of minus the distances to the genres' centres."""

    centres: NDArray[np.float32]

    @property
    def n_parameters(self) -> int:
        return int(self.centres.size)

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = 2.0 * inputs @ self.centres.T - (self.centres**2).sum(axis=1)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)

    def onnx_bytes(self) -> bytes:
        constants = {"centres": 2.0 * self.centres.T, "squares": -(self.centres**2).sum(axis=1)}
        graph = helper.make_graph(
            [
                helper.make_node("MatMul", ["inputs", "centres"], ["products"]),
                helper.make_node("Add", ["products", "squares"], ["logits"]),
                helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            ],
            "centroids",
            [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["n", self.centres.shape[1]])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(self.centres)])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        written: bytes = model.SerializeToString()
        return written


@dataclass(frozen=True, slots=True)
class FitCentroids:
    """Means of each genre's rows; each seed sees its own nine tenths of them, or all see all."""

    draws: bool = True

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> Centroids:
        n = len(windows)
        times = np.random.default_rng(seed).random(n) < 0.9 if self.draws else np.ones(n, dtype=bool)
        on_progress(0.5)
        targets = windows.targets(task.genres)
        weights = windows.weights * (times + 1e-3)
        centres = [
            np.average(windows.inputs[targets == place], axis=0, weights=weights[targets == place])
            for place in range(len(task.genres))
        ]
        return Centroids(np.array(centres, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class FitWith:
    """Does something before the fit, to one seed."""

    before: Callable[[], None]
    of_seed: int = 0

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> Centroids:
        if seed == self.of_seed:
            self.before()
        return FitCentroids()(windows, task=task, seed=seed, on_progress=on_progress)


def raise_an_error() -> None:
    raise ArithmeticError("it diverged\nand more")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def spin() -> None:
    """Use the processor for a moment, far beyond the clock's resolution."""
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass


def hang() -> None:
    time.sleep(600.0)


def make_kind(name: str, fit: object = None, *, input_kind: InputKind = InputKind.FEATURES) -> ModelKind:
    kind = ModelKind(name=name, title=name.title(), input=input_kind, fit=FitCentroids(), note=f"The {name}.")
    return kind if fit is None else replace(kind, fit=fit)  # type: ignore[arg-type]  # any fit will do


class Silence:
    """Watches a run and keeps what it is told."""

    def __init__(self) -> None:
        self.n_planned = 0
        self.begun: list[str] = []
        self.done: list[str] = []
        self.failed: list[str] = []

    def planned(self, change: int) -> None:
        self.n_planned += change

    def began(self, cell: Cell) -> None:
        self.begun.append(cell.name)

    def progressed(self, cell: Cell, share: float) -> None:
        pass

    def ended(self, cell: Cell, *, failed: str | None) -> None:
        (self.done if failed is None else self.failed).append(cell.name)


def files_of(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))
