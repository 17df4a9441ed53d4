"""Checks the temporary file: its limit, its disk, its end."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

import pytest

from consumer.errors import AudioTooLargeError, FetchUnavailableError
from consumer.fetch.spool import Spool


def make(folder: Path | None, max_bytes: int = 10) -> Spool:
    return Spool(folder, max_bytes=max_bytes, shown_uri="'s3://b/k'")


def test_bytes_come_back_from_the_start_and_nothing_is_left_behind(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.write(b"01234")
    spool.write(b"56789")
    file = spool.rewind()
    assert os.fstat(file.fileno()).st_size == spool.size_bytes == 10
    assert file.read() == b"0123456789"
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_byte_over_the_limit_is_never_written(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.write(b"0123456789")
    with pytest.raises(AudioTooLargeError, match=r"fetch\.max_bytes=10"):
        spool.write(b"x")
    assert spool.rewind().read() == b"0123456789"
    spool.close()


def test_restart_forgets_everything(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.write(b"012345678")
    spool.restart()
    spool.write(b"ab")
    assert spool.size_bytes == 2
    assert spool.rewind().read() == b"ab"
    spool.close()


def test_missing_folder_is_the_machines_trouble(tmp_path: Path) -> None:
    with pytest.raises(FetchUnavailableError, match=r"fetch\.spool_dir="):
        make(tmp_path / "absent")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_full_disk_is_the_machines_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(**_: object) -> IO[bytes]:
        return open("/dev/full", "wb")  # noqa: PTH123 - stands in for TemporaryFile

    monkeypatch.setattr(tempfile, "TemporaryFile", on_a_full_disk)
    buffered = make(None)
    buffered.write(b"small")
    with pytest.raises(FetchUnavailableError, match="spool folder is full"):
        buffered.rewind()
    buffered.close()
    direct = make(None, max_bytes=1_000_000)
    with pytest.raises(FetchUnavailableError, match="spool folder is full"):
        direct.write(bytes(500_000))
    direct.close()
