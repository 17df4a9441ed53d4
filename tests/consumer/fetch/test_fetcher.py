"""Checks the door itself: what it imports and when, its clock, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from consumer.config import FetchSettings
from consumer.errors import FetchTimeoutError, FetchUnavailableError
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.serving import Blob, Site, soon

_NO_CLIENTS = """
import sys, time
from pathlib import Path
from consumer.config import FetchSettings
from consumer.fetch import Fetcher
file = Path(sys.argv[1])
fetcher = Fetcher(FetchSettings(file_roots=(file.parent,)))
with fetcher.fetch(file.as_uri(), deadline=time.monotonic() + 9) as audio:
    assert audio.file.read() == b"audio"
print(sorted({"obstore", "httpx", "torch", "librosa"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_neither_client_is_imported_before_a_uri_asks_for_it(tmp_path: Path) -> None:
    file = tmp_path / "track.mp3"
    file.write_bytes(b"audio")
    run = subprocess.run(
        [sys.executable, "-c", _NO_CLIENTS, str(file)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_no_time_left_is_a_time_out_by_the_given_clock(tmp_path: Path) -> None:
    file = tmp_path / "track.mp3"
    file.write_bytes(b"audio")
    fetcher = Fetcher(FetchSettings(file_roots=(tmp_path,)), clock=lambda: 100.0)
    with fetcher.fetch(file.as_uri(), deadline=100.1) as audio:
        assert audio.size_bytes == 5
    with pytest.raises(FetchTimeoutError), fetcher.fetch(file.as_uri(), deadline=100.0):
        pass


def test_spool_lies_in_its_folder_and_goes_with_the_block(tmp_path: Path) -> None:
    with serving.serving(Site(blobs={"/t": Blob(b"audio")})) as site:
        limits = FetchSettings(http_hosts=(site.authority,), allow_private_addresses=True, spool_dir=tmp_path)
        with Fetcher(limits) as fetcher:
            with fetcher.fetch(site.uri("/t"), deadline=soon()) as audio:
                assert _open_below(tmp_path) == 1
            assert audio.file.closed
            assert list(tmp_path.iterdir()) == []
            with (
                pytest.raises(RuntimeError, match="decoder"),
                fetcher.fetch(site.uri("/t"), deadline=soon()) as audio,
            ):
                raise RuntimeError("decoder")
            assert audio.file.closed


def test_failed_fetch_leaves_no_spool_open(tmp_path: Path) -> None:
    with serving.serving(Site(default=serving.cut_after(3), blobs={"/t": Blob(b"audio")})) as site:
        limits = FetchSettings(
            http_hosts=(site.authority,), allow_private_addresses=True, attempts=1, spool_dir=tmp_path
        )
        with Fetcher(limits) as fetcher:
            with (
                pytest.raises(FetchUnavailableError) as caught,
                fetcher.fetch(site.uri("/t"), deadline=soon()),
            ):
                pass
            # The error is still held here, and through its traceback everything that was not closed.
            assert caught.value.__traceback__ is not None
            assert _open_below(tmp_path) == 0


def _open_below(folder: Path) -> int:
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(link.is_relative_to(folder) for link in links)


def test_fetcher_can_be_closed_and_used_again() -> None:
    with serving.serving(Site(blobs={"/t": Blob(b"audio")})) as site:
        fetcher = Fetcher(FetchSettings(http_hosts=(site.authority,), allow_private_addresses=True))
        for _ in range(2):
            with fetcher.fetch(site.uri("/t"), deadline=soon()) as audio:
                assert audio.file.read() == b"audio"
            fetcher.close()
