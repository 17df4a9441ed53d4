"""Turns CPU levels into stores of compiled kernels, so that an image can carry them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consumer.errors import KernelBuildError
from featurizer.cpu_level import LEVEL_VARIABLE, level_named, machine_levels, native_level, wanted_level
from featurizer.kernel_store import FOLDER_VARIABLE, KernelStore, kernel_store, warm_stores

_BUILD: Final = "from consumer.decoding.work import warm_usual_featurizer; warm_usual_featurizer()"


@dataclass(frozen=True, slots=True)
class LevelReport:
    """What there is of one level.

    Attributes
    ----------
    level : str
        Its name.
    wanted : bool
        Whether a worker of this environment takes this level.
    store : KernelStore or None
        Where its kernels are compiled; null where they are not.
    """

    level: str
    wanted: bool
    store: KernelStore | None

    def to_json(self) -> dict[str, Any]:
        """Give the object that `kernels show --json` prints."""
        warm = self.store is not None and self.store.is_warm
        return {
            "level": self.level,
            "wanted": self.wanted,
            "warm": warm,
            "folder": str(self.store.folder) if self.store is not None else None,
            "origin": self.store.origin if self.store is not None else None,
            "bytes": size_bytes(self.store.folder) if self.store is not None else 0,
        }


def show() -> list[LevelReport]:
    """Look at each level that this machine runs; the wanted one has a store even where it is cold.

    Raises
    ------
    SetupError
        As `kernel_store` says.
    """
    wanted = wanted_level()
    reports = []
    for level in (*machine_levels().values(), native_level()):
        store = kernel_store() if level == wanted else next(iter(warm_stores(level)), None)
        reports.append(LevelReport(level.name, level == wanted, store))
    return reports


@dataclass(frozen=True, slots=True)
class Built:
    """What one build left.

    Attributes
    ----------
    level : str
        The level.
    folder : Path
        Where its compiled kernels are.
    seconds : float
        How long it took; 0 where they were there already.
    """

    level: str
    folder: Path
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Give the object that `kernels build --json` prints."""
        return {
            "level": self.level,
            "folder": str(self.folder),
            "bytes": size_bytes(self.folder),
            "seconds": round(self.seconds, 3),
        }


def build(level: str | None = None, *, out: Path | None = None) -> Built:
    """Compile the kernels of one level, in a process of its own: numba compiles for one CPU in a process.

    Parameters
    ----------
    level : str, optional
        One that this machine runs: compiling ends with a run. The best where null.
    out : Path, optional
        Root of the stores; where null, the place where a worker would look.

    Raises
    ------
    SetupError
        This machine does not run the level, or the compiler is not installed.
    KernelBuildError
        Compiling failed, or `out` cannot be written.
    """
    chosen = level_named(level) if level is not None else wanted_level()
    store = kernel_store(chosen)
    if out is not None:
        store = KernelStore(out.absolute() / store.folder.name, "setting")
    named = chosen.name.partition("-")[0]
    seconds = 0.0 if store.is_warm else _compile(store, level=named)
    return Built(named, store.folder, seconds)


def _compile(store: KernelStore, *, level: str) -> float:
    environment = {
        LEVEL_VARIABLE: level,
        FOLDER_VARIABLE: str(store.folder.parent),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-c", _BUILD],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not store.is_warm:
        last = done.stderr.strip().splitlines()[-1:] or ["it cannot be written"]
        raise KernelBuildError(f"kernels were not compiled: level={level} folder={store.folder}: {last[0]}")
    return time.monotonic() - started


def size_bytes(folder: Path) -> int:
    """Give how much the files of a folder hold."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
