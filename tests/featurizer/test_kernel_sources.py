"""A kernel's digest follows the sources that it imports, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from featurizer import kernel_sources
from featurizer.kernel_sources import kernels_digest, module_digest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build a package of two kernels: `window` calls `mel`, which has constants; `other` stands alone."""
    cpu = tmp_path / "featurizer" / "cpu"
    cpu.mkdir(parents=True)
    (cpu / "__init__.py").write_text("")
    (cpu / "window.py").write_text("def run():\n    from featurizer.cpu import (\n        mel,\n    )\n")
    (cpu / "mel.py").write_text("from featurizer.tables import A\nfrom featurizer.cpu import window\n")
    (cpu / "other.py").write_text("import os\n")
    (tmp_path / "featurizer" / "tables.py").write_text("A = 1\n")
    monkeypatch.setattr(kernel_sources, "_ROOT", tmp_path / "featurizer")
    kernel_sources._imported.cache_clear()
    return tmp_path / "featurizer"


def digest(path: Path) -> str:
    kernel_sources._imported.cache_clear()
    return kernel_sources._digest([path])


def test_editing_what_a_kernel_leads_to_changes_its_digest(root: Path) -> None:
    window, other = root / "cpu" / "window.py", root / "cpu" / "other.py"
    before = digest(window), digest(other), kernels_digest()
    (root / "tables.py").write_text("A = 2\n")
    assert digest(window) != before[0]
    assert digest(other) == before[1]
    assert kernels_digest() != before[2]


def test_editing_another_kernel_leaves_a_digest_as_it_is(root: Path) -> None:
    window = root / "cpu" / "window.py"
    before = digest(window), kernels_digest()
    (root / "cpu" / "other.py").write_text("import sys\n")
    assert digest(window) == before[0]
    assert kernels_digest() != before[1]


def test_the_real_kernels_lead_to_their_compiler_and_constants() -> None:
    reached = {path.name for path in kernel_sources._reachable((kernel_sources._ROOT / "cpu").glob("*.py"))}
    assert {"compiling.py", "compiled_code.py", "cpu_level.py", "tables.py", "median_network.py"} <= reached
    assert "errors.py" not in reached
    assert "backend.py" not in {
        path.name for path in kernel_sources._reachable([Path(kernel_sources.__file__)])
    }


def test_a_module_without_a_file_has_no_digest() -> None:
    assert module_digest("sys") is None
    assert module_digest("no.such.module") is None
    assert module_digest(__name__) is not None
