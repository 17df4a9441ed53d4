"""`genrestream-train` without its libraries says in one line what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules[{library!r}] = None
sys.argv = ["genrestream-train", "default", "--data", "nowhere", "--out", "nowhere"]
from training.start import main
main()
"""


@pytest.mark.parametrize("library", ["torch", "pandas", "onnx"])
def test_a_missing_library_is_one_line_and_wrong_usage(library: str) -> None:
    program = WITHOUT.format(library=library)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"genrestream-train: {library} is not installed")
    assert "pip install 'genrestream[" in line
