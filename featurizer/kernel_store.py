"""Turns the CPU's level and the compiler's version into the folder that holds compiled kernels.

Compiling takes the better part of a minute, loading a fraction of a second. Folders are looked for in this
order, and one that is warm is used even where it is read-only:

1. ``$GENRESTREAM_KERNEL_CACHE``
2. ``<sys.prefix>/share/genrestream/kernels``, which an image may carry; used where it is warm, never written
3. ``$XDG_CACHE_HOME/genrestream/kernels`` or ``~/.cache/genrestream/kernels``
4. a private temporary folder, which ends with the process that asked first

What is found in a store is never stale: files are named after a digest of all that their code depends on.
Nothing here imports numba: a process that only wants to know where the code is does not pay for it.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Final

from featurizer.cpu_level import CpuLevel, wanted_level
from featurizer.errors import MissingExtraError
from featurizer.kernel_sources import kernels_digest

FOLDER_VARIABLE: Final = "GENRESTREAM_KERNEL_CACHE"
"""Environment variable that names the folder of all versions and levels."""
_COMPILERS: Final = ("numba", "llvmlite", "numpy")
_LOCK: Final = "lock"
_MOST_WAIT_SECONDS: Final = 300.0
"""For another process's compilation, which takes 45 s alone; one that hangs must not stop a whole machine."""
_LOOK_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KernelStore:
    """Where compiled kernels of one CPU level and compiler are.

    Attributes
    ----------
    folder : Path
        Holds code for this level and compiler only.
    origin : {"setting", "installation", "user", "temporary"}
        Which of the places it is.
    """

    folder: Path
    origin: str

    @property
    def is_warm(self) -> bool:
        """Whether all kernels of these sources are there."""
        return self._mark.is_file()

    @property
    def _mark(self) -> Path:
        return self.folder / f"warm-{kernels_digest()[:16]}"

    @contextmanager
    def first_use(self) -> Iterator[None]:
        """Mark the store warm after the body, which uses every kernel once.

        While the store is cold one process at a time compiles; the others wait, then load what it left, or
        after five minutes compile for themselves.
        """
        if self.is_warm:
            yield
            return
        with ExitStack() as held:
            # A full disk, or a folder that somebody cleared away, costs the next process its time only.
            with suppress(OSError):
                lock = held.enter_context((self.folder / _LOCK).open("ab"))
                _lock(lock, within_seconds=_MOST_WAIT_SECONDS)
            yield
            with suppress(OSError):
                self._mark.touch()


def _lock(file: IO[bytes], *, within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        else:
            return
    _log.warning("another process has held %s for %g s: going on without it", file.name, within_seconds)


def kernel_store(level: CpuLevel | None = None) -> KernelStore:
    """Find the store of this level, or a place where one can be written.

    The answer is the same for the life of the process and of those that it starts.

    Parameters
    ----------
    level : CpuLevel, optional
        The wanted one where null.

    Raises
    ------
    KernelSettingError
        The level that was asked for cannot be run.
    MissingExtraError
        The compiler is not installed.
    """
    return _find(_name(level or wanted_level()), os.environ.get(FOLDER_VARIABLE))


def warm_stores(level: CpuLevel) -> list[KernelStore]:
    """Find the stores of a level that are warm, in the order in which they are looked for.

    Raises
    ------
    MissingExtraError
        The compiler is not installed.
    """
    places = _places(os.environ.get(FOLDER_VARIABLE))
    stores = [KernelStore(root / _name(level), origin) for origin, root in places]
    return [store for store in stores if store.is_warm]


def _name(level: CpuLevel) -> str:
    return f"{level.name}-{_compiler()}"


@cache
def _find(name: str, setting: str | None) -> KernelStore:
    for origin, root in _places(setting):
        store = KernelStore(root / name, origin)
        if store.is_warm or (origin != "installation" and _is_writable(store.folder)):
            return store
        if origin == "setting":
            _log.warning("kernel cache is cold and cannot be written: path=%s", store.folder)
    root = Path(tempfile.mkdtemp(prefix="genrestream-kernels-"))
    _log.warning("no kernel cache can be written: kernels are compiled anew, into path=%s", root)
    _remove_at_exit(root)
    # Processes that this one starts shall find what it compiled.
    os.environ[FOLDER_VARIABLE] = str(root)
    store = KernelStore(root / name, "temporary")
    store.folder.mkdir()
    return store


def _places(setting: str | None) -> Iterator[tuple[str, Path]]:
    if setting:
        yield "setting", Path(setting)
    yield "installation", Path(sys.prefix, "share", "genrestream", "kernels")
    with suppress(RuntimeError):  # a process may have no home
        caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        yield "user", caches / "genrestream" / "kernels"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A superuser may write by the permission bits where a mount forbids it: only a try tells.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _remove_at_exit(root: Path) -> None:
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(root, ignore_errors=True)

    atexit.register(remove)


@cache
def _compiler() -> str:
    """Name the Python and digest the versions of the compiler's parts."""
    try:
        versions = [version(name) for name in _COMPILERS]
    except PackageNotFoundError as exc:
        raise MissingExtraError(
            f"{exc.name} is not installed, without which a CPU computes no features: "
            "pip install 'genrestream[cpu]'"
        ) from exc
    return f"{sys.implementation.cache_tag}-{hashlib.sha256(repr(versions).encode()).hexdigest()[:8]}"
