"""What a fitted model tells of its passes reaches the report's figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.training.benchmark.tiny import Centroids, make_data, make_kind
from tests.training.synthetic import GENRES
from training.benchmark.cell import Cell, Drawer, Export, Measured, measure_cell
from training.benchmark.figures import Entry, measure_out
from training.models.kind import Effort, FittedModel, InputKind, ModelKind, Task
from training.sides import Protocol
from training.windows import LabelledWindows

LOSSES = (1.1, 0.7, 0.6)


class TaughtCentroids(Centroids):
    """Centres that claim to have been fitted in three passes."""

    losses = LOSSES


@dataclass(frozen=True)
class FitInPasses:
    kind: ModelKind

    def __call__(
        self, windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
    ) -> FittedModel:
        fitted = self.kind.fit(windows, task=task, seed=seed, on_progress=on_progress)
        assert isinstance(fitted, Centroids)
        return TaughtCentroids(fitted.centres)


def measure(kind: ModelKind) -> Measured:
    cell = Cell(
        kind=kind,
        protocol=Protocol.FAULT_FILTERED,
        extra=False,
        seed=0,
        effort=Effort.FULL,
        export=Export.NONE,
    )
    return measure_cell(cell, Drawer(make_data()))[0]


def test_the_first_fit_s_losses_are_kept_and_reported() -> None:
    kind = make_kind("one")
    plain = measure(kind)
    taught = measure(replace(kind, fit=FitInPasses(kind)))
    assert (plain.losses, taught.losses) == ((), LOSSES)
    later = replace(taught, losses=(9.0,))
    entry = Entry(
        name="one",
        title="One",
        note="",
        input=InputKind.FEATURES,
        source_accuracy=None,
        protocol=Protocol.FAULT_FILTERED,
        extra=False,
        fits=(taught, later),
    )
    assert measure_out(entry, n_genres=len(GENRES)).losses == LOSSES
    assert measure_out(replace(entry, fits=(plain,)), n_genres=len(GENRES)).losses == ()
