"""A fit is found again by everything that it depends on, and what is broken is not found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.benchmark.tiny import FitCentroids, make_data, make_kind
from training.benchmark import store as storing
from training.benchmark.cell import Cell, Drawer, Export, Measured, measure_cell
from training.benchmark.store import CellStore, check_writable
from training.errors import OutputError
from training.models.kind import Effort
from training.report.figures import Importance
from training.sides import Protocol


def make_cell(**changes: object) -> Cell:
    cell = Cell(
        kind=make_kind("one"),
        protocol=Protocol.FAULT_FILTERED,
        extra=False,
        seed=0,
        effort=Effort.FULL,
        export=Export.KEPT,
    )
    return replace(cell, **changes)  # type: ignore[arg-type]  # fields of the test's choice


@pytest.fixture(scope="module")
def measured() -> tuple[Measured, bytes]:
    made, graph = measure_cell(make_cell(), Drawer(make_data()))
    assert graph is not None
    importance = (Importance(feature="tempo", permutation=0.1, shap=None),)
    return replace(made, losses=(2.3, 0.7), importance=importance), graph


def same(one: Measured, other: Measured) -> bool:
    return repr(one) == repr(other) and one.probabilities.tobytes() == other.probabilities.tobytes()


def test_what_was_kept_is_found_again_whole(tmp_path: Path, measured: tuple[Measured, bytes]) -> None:
    store = CellStore(tmp_path, "data")
    figures, graph = measured
    store.write(store.id_of(make_cell()), figures, graph=graph)
    found = store.read(make_cell())
    assert found is not None
    assert same(found, figures)
    assert store.graph_path(make_cell()).read_bytes() == graph
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npz", ".onnx"]


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"extra": True},
        {"effort": Effort.QUICK},
        {"protocol": Protocol.VALIDATION},
        {"export": Export.NONE},
        {"n_shuffles": 3},
        {"kind": make_kind("another")},
        {"kind": replace(make_kind("one"), note="More epochs.")},
    ],
)
def test_a_changed_cell_is_another(tmp_path: Path, changed: dict[str, object]) -> None:
    store = CellStore(tmp_path, "data")
    assert store.id_of(make_cell(**changed)) != store.id_of(make_cell())


def test_other_data_libraries_or_code_are_another_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = CellStore(tmp_path, "data").id_of(make_cell())
    assert CellStore(tmp_path, "other data").id_of(make_cell()) != known
    monkeypatch.setattr(storing, "library_versions", lambda: {"numpy": "9"})
    assert CellStore(tmp_path, "data").id_of(make_cell()) != known
    monkeypatch.undo()
    monkeypatch.setattr(storing, "source_of", lambda _: "edited")
    assert CellStore(tmp_path, "data").id_of(make_cell()) != known


def test_the_settings_of_a_fit_are_part_of_its_name(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "data")
    still = replace(make_kind("one"), fit=FitCentroids(draws=False))
    assert store.id_of(make_cell(kind=still)) != store.id_of(make_cell())


def test_changed_data_have_another_fingerprint() -> None:
    one = make_data()
    assert one.fingerprint() == make_data().fingerprint()
    assert one.fingerprint() != make_data(seed=5).fingerprint()
    assert one.fingerprint() != make_data(extra=True).fingerprint()
    assert one.fingerprint() != replace(one, genres=("a", "b", "c")).fingerprint()


@pytest.mark.parametrize("keep", [0, 10, 200, -1])
def test_a_broken_file_is_not_found(tmp_path: Path, measured: tuple[Measured, bytes], keep: int) -> None:
    store = CellStore(tmp_path, "data")
    figures, graph = measured
    store.write(store.id_of(make_cell()), figures, graph=graph)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:keep])
    assert store.read(make_cell()) is None


def test_a_file_that_is_something_else_is_not_found(tmp_path: Path, measured: tuple[Measured, bytes]) -> None:
    store = CellStore(tmp_path, "data")
    store.graph_path(make_cell()).write_bytes(b"")
    path = tmp_path / f"{store.id_of(make_cell())}.npz"
    np.savez(path, probabilities=np.ones(3))
    assert store.read(make_cell()) is None


def test_a_cell_that_has_lost_its_graph_is_not_found(
    tmp_path: Path, measured: tuple[Measured, bytes]
) -> None:
    store = CellStore(tmp_path, "data")
    figures, graph = measured
    store.write(store.id_of(make_cell()), figures, graph=graph)
    store.graph_path(make_cell()).unlink()
    assert store.read(make_cell()) is None


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "file/cells")
