"""Paths and file objects of every kind are read alike, and their errors come through."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from featurizer.source import Source

CONTENT = bytes(range(256)) * 8


def test_any_part_can_be_read_from_a_path_and_from_an_object(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)

    for file in (path, str(path), io.BytesIO(CONTENT)):
        with Source(file) as source:
            assert source.size_bytes == len(CONTENT)
            assert source.read_at(0, 3) == CONTENT[:3]
            assert source.read_at(1_000, 10) == CONTENT[1_000:1_010]
            assert source.read_at(len(CONTENT) - 2, 10) == CONTENT[-2:]
            assert source.read_at(len(CONTENT) + 5, 10) == b""


def test_reader_is_a_file_that_begins_where_it_is_told() -> None:
    reader = Source(io.BytesIO(CONTENT)).reader(start=100)

    assert reader.read(4) == CONTENT[100:104]
    assert reader.tell() == 4
    assert reader.seek(-3, os.SEEK_END) == len(CONTENT) - 103
    assert reader.read() == CONTENT[-3:]
    assert reader.read(1) == b""
    assert reader.seek(-(10**6), os.SEEK_CUR) == 0
    buffer = bytearray(5)
    assert reader.readinto(memoryview(buffer)) == 5
    assert bytes(buffer) == CONTENT[100:105]


def test_reads_of_an_object_that_gives_little_at_a_time_are_completed() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    assert Source(Slow(CONTENT)).read_at(10, 100) == CONTENT[10:110]


def test_error_that_a_library_would_swallow_is_kept() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError("reset by peer")

    source = Source(Broken(CONTENT))
    source.raise_failure()

    assert source.reader().read(10) == b""
    with pytest.raises(ConnectionResetError, match="reset by peer"):
        source.raise_failure()


def test_real_files_give_their_descriptor_and_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)

    with path.open("rb") as real, tempfile.SpooledTemporaryFile() as spooled:
        assert Source(real).descriptor == real.fileno()
        assert Source(cast("BinaryIO", spooled)).descriptor is None
    assert Source(io.BytesIO()).descriptor is None


def test_only_a_file_that_was_opened_here_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)

    with path.open("rb") as theirs:
        Source(theirs).close()
        assert not theirs.closed
    ours = Source(path)
    assert ours.descriptor is not None
    ours.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(ours.descriptor)
