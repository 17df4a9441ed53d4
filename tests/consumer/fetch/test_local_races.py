"""Checks that files which change while they are opened give nothing away."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from consumer.config import FetchSettings
from consumer.errors import (
    AudioNotFoundError,
    FetchFailedError,
    ForbiddenUriError,
)
from consumer.fetch import Fetcher
from consumer.fetch.local import open_local
from consumer.fetch.uris import FileLocation, locate
from tests.consumer.fetch.serving import soon


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    root.mkdir()
    (root / "track.mp3").write_bytes(b"audio")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return root


@pytest.mark.parametrize("what", ["file", "folder"])
def test_swap_for_a_link_between_check_and_opening_gains_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (root / "album").mkdir()
    victim = root / "album" / "secret.txt"
    victim.write_bytes(b"audio")
    resolve = os.path.realpath

    def resolve_then_swap(path: bytes) -> bytes:
        resolved = resolve(path)
        if path.endswith(b"secret.txt"):
            victim.unlink()
            if what == "file":
                victim.symlink_to(root.parent / "secret.txt")
            else:
                victim.parent.rmdir()
                victim.parent.symlink_to(root.parent)
        return resolved

    monkeypatch.setattr(os.path, "realpath", resolve_then_swap)
    with pytest.raises((ForbiddenUriError, AudioNotFoundError, FetchFailedError)):
        open_local(_location(victim), uri=victim.as_uri(), roots=(root,), max_bytes=1_000)


def test_link_that_is_none_any_more_when_it_is_read_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = root / "link.mp3"
    link.symlink_to(root / "track.mp3")

    def read_too_late(path: bytes, *, dir_fd: int | None = None) -> bytes:
        raise OSError(errno.EINVAL, "Invalid argument", path)

    monkeypatch.setattr(os, "readlink", read_too_late)
    with pytest.raises(ForbiddenUriError, match="swapped"):
        open_local(_location(link), uri=link.as_uri(), roots=(root,), max_bytes=1_000)


def test_attacker_who_swaps_all_the_time_never_gets_the_secret(root: Path) -> None:
    real, link, seen = root / "real", root / "link", root / "seen"
    real.write_bytes(b"audio")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            link.symlink_to(root.parent / "secret.txt")
            link.replace(seen)
            os.link(real, link)
            link.replace(seen)

    attacker = threading.Thread(target=swap)
    attacker.start()
    bodies = set()
    try:
        for _ in range(300):
            try:
                file, _size = open_local(_location(seen), uri=seen.as_uri(), roots=(root,), max_bytes=1_000)
            except (ForbiddenUriError, AudioNotFoundError, FetchFailedError):
                continue
            with file:
                bodies.add(file.read())
    finally:
        done.set()
        attacker.join()
    assert bodies <= {b"audio"}


def _location(path: Path) -> FileLocation:
    location = locate(path.as_uri())
    assert isinstance(location, FileLocation)
    return location


def test_file_that_vanishes_once_open_is_still_read(root: Path) -> None:
    with Fetcher(FetchSettings(file_roots=(root,))).fetch(
        (root / "track.mp3").as_uri(), deadline=soon()
    ) as audio:
        (root / "track.mp3").unlink()
        assert audio.file.read() == b"audio"
