"""Turns a module of kernels into a digest of its source and of every source of ours that it imports.

A compiled kernel holds the code of the kernels that it calls, wherever they are written: its own file says
too little about whether it is stale, and all files together too much for those who work on one of them.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = __name__.partition(".")[0]
_ROOT: Final = Path(__file__).parent
_IMPORT: Final = re.compile(
    rf"^[ \t]*(?:from +({PACKAGE}[\w.]*) +import +(\([^)]*\)|[^\n]*)|import +({PACKAGE}[\w.]*))",
    re.MULTILINE,
)
"""Both forms, with the names that the first imports: each may be a module too. Imports in functions count."""
_SHAPELESS: Final = {"errors.py", "kernel_sources.py", "kernel_store.py"}
"""What says where code is kept and what went wrong shapes none."""


def module_digest(module: str) -> str | None:
    """Digest a module's source and those it leads to; None where it has no file.

    Parameters
    ----------
    module : str
        The full name of a module that is imported.
    """
    path = getattr(sys.modules.get(module), "__file__", None)
    return _digest([Path(path)]) if path is not None and Path(path).is_file() else None


def kernels_digest() -> str:
    """Digest the sources of all CPU kernels and those they lead to."""
    return _digest((_ROOT / "cpu").glob("*.py"))


def _digest(start: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(_reachable(start)):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _reachable(start: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    left = list(start)
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left.extend(_imported(path))
    return found


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    names = set()
    for package, imported, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        names.add(package or module)
        names.update(f"{package}.{name}" for name in re.findall(r"\w+", imported) if package)
    return tuple(path for name in names for path in _files(name) if path.name not in _SHAPELESS)


def _files(module: str) -> Iterator[Path]:
    stem = _ROOT.joinpath(*module.split(".")[1:])
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            yield path
