"""Says where the real music for tests lies and marks the tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("GENRESTREAM_DATA", REPOSITORY.parent / "shared" / "data"))

needs_data = pytest.mark.skipif(
    not (DATA / "audio").is_dir(),
    reason=f"no real music at {DATA}: set GENRESTREAM_DATA to a folder that holds audio/ and features/",
)
