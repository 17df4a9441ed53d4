"""Stored code is that of the sources under whose name it is stored."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from featurizer.kernel_store import FOLDER_VARIABLE

NAME = "kernels_that_are_edited"
SOURCE = """
from featurizer.cpu.compiling import kernel

@kernel
def callee(x):
    return x + 1

@kernel
def caller(x):
    return callee(x)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of two kernels, which may be imported; with a store of its own."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "store"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / f"{NAME}.py"
    path.write_text(SOURCE)
    yield path
    sys.modules.pop(NAME, None)


def import_anew() -> ModuleType:
    sys.modules.pop(NAME, None)
    return importlib.import_module(NAME)


def test_code_that_is_compiled_after_its_sources_were_edited_is_not_taken_for_theirs(module: Path) -> None:
    before = import_anew()
    module.write_text(SOURCE.replace("x + 1", "x + 2"))
    assert before.caller(1) == 2
    assert import_anew().caller(1) == 3
    module.write_text(SOURCE)
    again = import_anew()
    assert again.caller(1) == 2
    assert sum(again.caller.stats.cache_hits.values()) == 1
