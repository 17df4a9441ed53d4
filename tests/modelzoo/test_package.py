"""The package's names are all there, and none of them costs anything before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import modelzoo


@pytest.mark.parametrize("name", modelzoo.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(modelzoo, name) is not None


def test_another_name_is_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        modelzoo.no_such_name  # noqa: B018 - asking is the test


def test_the_errors_alone_load_neither_numpy_nor_onnxruntime() -> None:
    program = (
        "import sys, modelzoo.errors; sys.exit(bool({'numpy', 'onnxruntime', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
