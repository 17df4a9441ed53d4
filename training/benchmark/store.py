"""Turns fits into files that a later run finds again, each whole or not there."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import zipfile
from dataclasses import dataclass, fields
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from training.benchmark.cell import Cell, Export, Measured
from training.errors import OutputError
from training.models.kind import ModelKind
from training.report.figures import Importance

LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "xgboost-cpu",
    "xgboost",
    "torch",
    "torchvision",
    "onnx",
    "skl2onnx",
    "onnxmltools",
    "onnxruntime",
    "onnxruntime-gpu",
)
"""What a fit's figures may depend on; those that are not installed are left out."""

_TRAINING = Path(__file__).parent.parent
_SHARED = (
    "benchmark/cell.py",
    "fit.py",
    "loop.py",
    "models/pooling.py",
    "network.py",
    "recipe.py",
    "sides.py",
    "splits.py",
    "standardise.py",
    "windows.py",
)
"""What models of several folders are fitted by, and what draws their sides."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""What differs from process to process where settings name a function."""

_ARRAYS = ("probabilities", "tracks", "targets")


@dataclass(frozen=True, slots=True)
class CellStore:
    """Keeps what fits gave in `folder/cells`.

    A cell's file is named after everything that its figures depend on: the model with its note and its code,
    protocol, extra table, seed, effort, the data and the libraries. What has changed since is not found, so
    that it is measured again.

    Attributes
    ----------
    folder : Path
        Where.
    data : str
        Fingerprint of the data.
    """

    folder: Path
    data: str

    def id_of(self, cell: Cell) -> str:
        """Name everything that a cell's figures depend on, in 24 hexadecimal digits."""
        kind = cell.kind
        parts = [
            kind.name,
            kind.note,
            kind.input,
            _ADDRESS.sub("", repr(kind.fit)),
            source_of(kind),
            cell.protocol,
            cell.extra,
            cell.seed,
            cell.effort,
            cell.export,
            cell.n_shuffles,
            self.data,
            library_versions(),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    def read(self, cell: Cell) -> Measured | None:
        """Find what a fit gave; None where it is not there, is broken or has lost its graph."""
        if cell.export is Export.KEPT and not self.graph_path(cell).is_file():
            return None
        path = self._path(cell)
        try:
            # numpy leaves a broken file open where it opens it itself.
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in _ARRAYS}
                numbers = json.loads(str(file["numbers"]))
            importance = tuple(Importance(**one) for one in numbers.pop("importance"))
            losses = tuple(numbers.pop("losses"))
            measured = Measured(**arrays, **numbers, losses=losses, importance=importance)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None
        n = len(measured.probabilities)
        if not n == len(measured.tracks) == len(measured.targets):
            return None
        return measured

    def write(self, name: str, measured: Measured, *, graph: bytes | None) -> None:
        """Keep what a fit gave; the graph first, so that a cell that is there has its graph.

        Parameters
        ----------
        name : str
            The cell's, as `id_of` gave it before the fit: code may be edited while it goes on.
        measured : Measured
            The figures.
        graph : bytes or None
            The exported graph.

        Raises
        ------
        OutputError
            The disk is full or the folder gone.
        """
        path = self.folder / f"{name}.npz"
        numbers = {
            field.name: getattr(measured, field.name)
            for field in fields(measured)
            if field.name not in {*_ARRAYS, "importance"}
        }
        numbers["importance"] = [one.model_dump() for one in measured.importance]
        scratch = path.with_suffix(f".{os.getpid()}.part")
        try:
            if graph is not None:
                scratch.write_bytes(graph)
                scratch.replace(path.with_suffix(".onnx"))
            with scratch.open("wb") as file:
                np.savez_compressed(
                    file,
                    allow_pickle=False,
                    numbers=np.array(json.dumps(numbers)),
                    **{name: getattr(measured, name) for name in _ARRAYS},
                )
            scratch.replace(path)
            self.failure_path(name).unlink(missing_ok=True)
        except OSError as exc:
            raise OutputError(f"a fit cannot be kept, path={path}: {exc.strerror}") from exc
        finally:
            scratch.unlink(missing_ok=True)

    def graph_path(self, cell: Cell) -> Path:
        """Say where a cell's exported graph lies, if it was kept."""
        return self._path(cell).with_suffix(".onnx")

    def failure_path(self, name: str) -> Path:
        """Say where the traceback of a fit that failed lies."""
        return self.folder / f"{name}.failed.txt"

    def _path(self, cell: Cell) -> Path:
        return self.folder / f"{self.id_of(cell)}.npz"


def check_writable(folder: Path) -> None:
    """Make a folder, before minutes of work go into it.

    Raises
    ------
    OutputError
        It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".trial-{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as exc:
        raise OutputError(f"the folder cannot be written to, path={folder}: {exc.strerror}") from exc


@cache
def library_versions() -> dict[str, str]:
    """Name the versions of what a fit's figures may depend on."""
    found: dict[str, str] = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def source_of(kind: ModelKind) -> str:
    """Hash the code of a model: every file beside the one that its `fit` is in, and what all share."""
    fit: object = kind.fit
    while isinstance(fit, partial):
        fit = fit.func
    return _hash_of_folder(Path(inspect.getfile(fit if inspect.isroutine(fit) else type(fit))).parent)


@cache
def _hash_of_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.py")), *(_TRAINING / name for name in _SHARED)]:
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    return digest.hexdigest()
