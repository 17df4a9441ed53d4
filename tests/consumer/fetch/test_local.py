"""Checks the opening of files against links, pipes, devices and everything else that is not a track."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumer.config import FetchSettings
from consumer.errors import (
    AudioNotFoundError,
    AudioTooLargeError,
    FetchDeniedError,
    FetchFailedError,
    ForbiddenUriError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch.serving import soon


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    root.mkdir()
    (root / "track.mp3").write_bytes(b"audio")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return root


def read(uri: str, *roots: Path, max_bytes: int = 1_000) -> bytes:
    limits = FetchSettings(file_roots=roots, max_bytes=max_bytes)
    with Fetcher(limits).fetch(uri, deadline=soon()) as audio:
        body = audio.file.read()
        assert audio.size_bytes == len(body)
        assert audio.content_type is None
        assert audio.file.seekable()
    assert audio.file.closed
    return body


def test_file_below_a_root_is_opened_where_it_lies(root: Path) -> None:
    with Fetcher(FetchSettings(file_roots=(root,))).fetch(
        (root / "track.mp3").as_uri(), deadline=soon()
    ) as audio:
        assert os.fstat(audio.file.fileno()).st_ino == (root / "track.mp3").stat().st_ino
        assert audio.file.read() == b"audio"


@pytest.mark.parametrize("form", ["file://{}", "file:{}", "file://localhost{}", "FILE://LocalHost{}"])
def test_every_form_of_a_local_uri_is_understood(root: Path, form: str) -> None:
    assert read(form.format(root / "track.mp3"), root) == b"audio"


@pytest.mark.parametrize(
    "name",
    [
        "100%25 love+hate.mp3",
        "100% love.mp3",
        "Track #1?.mp3",
        "trück.mp3",
        "e\u0301.mp3",
        "a\\b.mp3",
        "new\nline",
    ],
)
def test_any_name_is_found_by_its_encoded_uri(root: Path, name: str) -> None:
    (root / name).write_bytes(name.encode())
    assert read((root / name).as_uri(), root) == name.encode()


def test_names_that_were_not_encoded_are_found_by_their_literal_spelling(root: Path) -> None:
    (root / "100%25 #1.mp3").write_bytes(b"literal")
    assert read(f"file://{root}/100%25 #1.mp3", root) == b"literal"


def test_name_that_is_not_utf8_is_found(root: Path) -> None:
    path = os.path.join(os.fsencode(root), b"tr\xfcck.mp3")  # noqa: PTH118 - pathlib takes no bytes
    with open(path, "wb") as file:  # noqa: PTH123 - pathlib takes no bytes
        file.write(b"latin-1")
    assert read(f"file://{root}/tr%FCck.mp3", root) == b"latin-1"


def test_other_hosts_are_refused_even_for_a_file_that_is_allowed_here(root: Path) -> None:
    for host in ("evil.example", "127.0.0.1", "localhost:80", "user@localhost", "localhost%00"):
        with pytest.raises(ForbiddenUriError, match="localhost"):
            read(f"file://{host}{root}/track.mp3", root)


def test_nothing_is_allowed_where_no_root_is_configured(root: Path) -> None:
    with pytest.raises(ForbiddenUriError, match="file-root"):
        read((root / "track.mp3").as_uri())


@pytest.mark.parametrize(
    "tail",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/./.././secret.txt",
        "//..//secret.txt",
        "2/track.mp3",
        "",
        "/",
        "/../nothing-there",
    ],
)
def test_what_leads_out_of_the_root_is_refused_whether_or_not_it_exists(root: Path, tail: str) -> None:
    sibling = root.with_name("music2")
    sibling.mkdir()
    (sibling / "track.mp3").write_bytes(b"other")
    with pytest.raises(ForbiddenUriError):
        read(f"file://{root}{tail}", root)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///proc/self/environ",
        "file:///proc/self/fd/0",
        "file:///proc/self/root/etc/passwd",
        "file:///dev/zero",
        "file:///etc/passwd",
        "file://evil.example/etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "file:relative.mp3",
        "file://",
        "file:///%00",
        "/etc/passwd",
        "ftp://host/track.mp3",
        "data:audio/mpeg;base64,AAAA",
        "",
        ":",
        "file:///\ud800",
    ],
)
def test_other_places_and_schemes_are_refused(root: Path, uri: str) -> None:
    with pytest.raises(ForbiddenUriError) as caught:
        read(uri, root)
    assert str(caught.value).isprintable()


def test_link_that_stays_below_a_root_is_followed(root: Path) -> None:
    (root / "latest.mp3").symlink_to("track.mp3")
    assert read((root / "latest.mp3").as_uri(), root) == b"audio"


def test_root_that_is_itself_a_link_is_resolved(root: Path) -> None:
    root.with_name("link").symlink_to(root)
    assert read(f"file://{root}/track.mp3", root.with_name("link")) == b"audio"
    assert read(f"file://{root.with_name('link')}/track.mp3", root) == b"audio"


def test_second_root_is_tried(root: Path, tmp_path: Path) -> None:
    assert read((root / "track.mp3").as_uri(), tmp_path / "absent", root) == b"audio"


@pytest.mark.parametrize("target", ["../secret.txt", "/etc/passwd", "/proc/self/environ", "/dev/zero"])
def test_link_that_leads_out_of_the_root_is_refused(root: Path, target: str) -> None:
    (root / "link.mp3").symlink_to(target)
    with pytest.raises(ForbiddenUriError):
        read((root / "link.mp3").as_uri(), root)


def test_folder_that_is_a_link_out_of_the_root_is_refused(root: Path) -> None:
    (root / "folder").symlink_to("..")
    with pytest.raises(ForbiddenUriError):
        read(f"file://{root}/folder/secret.txt", root)


def test_links_in_a_circle_are_no_files(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(FetchFailedError):
        read(f"file://{root}/a", root)


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _socket(path: Path) -> None:
    os.mknod(path, 0o140_600)  # S_IFSOCK: needs no listener and no privilege


@pytest.mark.parametrize("make", [_fifo, _folder, _socket])
def test_what_is_no_regular_file_is_refused_without_waiting(root: Path, make: Callable[[Path], None]) -> None:
    make(root / "odd.mp3")
    with pytest.raises(FetchFailedError, match="not a regular file"):
        read((root / "odd.mp3").as_uri(), root)


def test_device_below_a_root_is_refused() -> None:
    with pytest.raises(FetchFailedError, match="not a regular file"):
        read("file:///dev/zero", Path("/dev"))


@pytest.mark.parametrize("tail", ["absent.mp3", "absent/track.mp3", "track.mp3/below", "x" * 300])
def test_what_is_not_there_is_not_found(root: Path, tail: str) -> None:
    with pytest.raises(AudioNotFoundError):
        read(f"file://{root}/{tail}", root)


def test_file_over_the_limit_is_too_large(root: Path) -> None:
    with pytest.raises(AudioTooLargeError, match=r"size_bytes=5, fetch\.max_bytes=4"):
        read((root / "track.mp3").as_uri(), root, max_bytes=4)


def test_refused_files_leave_no_descriptor_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208 - counts itself both times
    for _ in range(3):
        with pytest.raises(AudioTooLargeError):
            read((root / "track.mp3").as_uri(), root, max_bytes=4)
        with pytest.raises(AudioNotFoundError):
            read(f"file://{root}/a/b", root)
    after = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0  # noqa: PTH208
    assert after == before


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_unreadable_file_is_denied() -> None:
    # Not below pytest's own folder, which is closed to everybody else.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for file, mode in (("open.mp3", 0o644), ("closed.mp3", 0o000)):
            (root / file).write_bytes(b"audio")
            (root / file).chmod(mode)
        with as_nobody():
            assert read((root / "open.mp3").as_uri(), root) == b"audio"
            with pytest.raises(FetchDeniedError, match="cannot be read"):
                read((root / "closed.mp3").as_uri(), root)
