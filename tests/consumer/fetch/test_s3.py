"""Checks the reading of a real S3 server, behind a proxy that delays, throttles, cuts and replaces."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from consumer.config import FetchSettings
from consumer.errors import (
    AudioNotFoundError,
    AudioTooLargeError,
    FetchTimeoutError,
    FetchUnavailableError,
    ForbiddenUriError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.serving import Handler, Site, soon

pytestmark = pytest.mark.slow  # the server takes seconds to import

BODY = os.urandom(3_000_000)
PART_BYTES = 1_000_000
URI = "s3://music/masters/track.mp3"


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    """Run a real S3 server with one bucket on a free port of loopback."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes seconds

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    send(port, "PUT", "/music")
    yield port
    server.stop()


def send(port: int, method: str, path: str, body: bytes = b"") -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=k/20240101/us-east-1/s3/aws4_request"}
    connection.request(method, path, body, {**headers, "Content-Type": "audio/mpeg"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, (method, path, answer.status)
    connection.close()


def ask(handler: Handler, port: int) -> tuple[int, dict[str, str], bytes]:
    """Pass the request on to the real server."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(handler.command, handler.path, headers=dict(handler.headers.items()))
    answer = connection.getresponse()
    body = answer.read()
    hop_by_hop = {"content-length", "connection", "transfer-encoding", "date", "server"}
    headers = {name: value for name, value in answer.getheaders() if name.lower() not in hop_by_hop}
    connection.close()
    return answer.status, headers, body


@pytest.fixture
def proxy(s3: int) -> Iterator[Site]:
    """Stand in front of the server, which holds one track; what is not scripted is passed on."""
    send(s3, "PUT", "/music/masters/track.mp3", BODY)
    with serving.serving(Site(default=lambda handler: handler.reply(*ask(handler, s3)))) as site:
        yield site


def settings(port: int, **changes: Any) -> FetchSettings:
    options = {
        "endpoint": f"http://127.0.0.1:{port}",
        "region": "us-east-1",
        "access_key_id": "reader",
        "secret_access_key": "s3cret",
    }
    values = {
        "object_stores": ("s3://music/masters/",),
        "store_options": {name: SecretStr(value) for name, value in options.items()},
        "part_bytes": PART_BYTES,
        "timeout_seconds": 10.0,
    }
    return FetchSettings(**{**values, **changes})


def fetched(limits: FetchSettings, *, uri: str = URI, seconds: float = 20.0) -> tuple[bytes, list[str]]:
    causes: list[str] = []
    fetcher = Fetcher(limits, on_retry=causes.append)
    with fetcher, fetcher.fetch(uri, deadline=soon(seconds)) as audio:
        return audio.file.read(), causes


def test_object_arrives_in_ranged_reads(proxy: Site) -> None:
    assert fetched(settings(proxy.port)) == (BODY, [])
    assert [headers["range"] for _, headers in proxy.requests] == [
        "bytes=0-999999",
        "bytes=1000000-1999999",
        "bytes=2000000-2999999",
    ]
    assert all("authorization" in headers for _, headers in proxy.requests)


@pytest.mark.parametrize(
    "name", ["100%25 love+hate.mp3", "a b.mp3", "trück+é.mp3", "what?#1.mp3", "100% sure.mp3"]
)
def test_awkward_keys_are_found_encoded_and_as_they_are(s3: int, name: str) -> None:
    send(s3, "PUT", f"/music/masters/{quote(name)}", name.encode())
    for key in (quote(name), name):
        assert fetched(settings(s3), uri=f"s3://music/masters/{key}") == (name.encode(), [])


def test_empty_missing_too_large_and_forbidden_objects_are_told_apart(s3: int, proxy: Site) -> None:
    send(s3, "PUT", "/music/masters/empty.mp3")
    assert fetched(settings(s3), uri="s3://music/masters/empty.mp3") == (b"", [])
    with pytest.raises(AudioNotFoundError):
        fetched(settings(s3), uri="s3://music/masters/absent.mp3")
    with pytest.raises(AudioNotFoundError):
        fetched(settings(s3, object_stores=("s3://no-such-bucket",)), uri="s3://no-such-bucket/a.mp3")
    with pytest.raises(AudioTooLargeError, match=f"size_bytes={len(BODY)}"):
        fetched(settings(proxy.port, max_bytes=len(BODY) - 1))
    with pytest.raises(ForbiddenUriError):
        fetched(settings(s3), uri="s3://music/other/track.mp3")


def test_throttling_and_server_errors_are_waited_out(proxy: Site) -> None:
    proxy.script.extend([serving.status(503, b"<Error><Code>SlowDown</Code></Error>"), serving.status(500)])
    assert fetched(settings(proxy.port)) == (BODY, ["throttled", "server_error"])


def test_lasting_503_is_unavailable(proxy: Site) -> None:
    proxy.default = serving.status(503, b"<Error><Code>SlowDown</Code></Error>")
    with pytest.raises(FetchUnavailableError, match="throttles"):
        fetched(settings(proxy.port))
    assert len(proxy.requests) == 3


def test_connection_cut_in_the_middle_is_resumed(proxy: Site, s3: int) -> None:
    def cut(handler: Handler) -> None:
        status, headers, body = ask(handler, s3)
        handler.reply(status, {**headers, "Content-Length": str(len(body))}, body[:700_000])
        handler.close_connection = True

    proxy.script.extend([lambda handler: handler.reply(*ask(handler, s3)), cut])
    assert fetched(settings(proxy.port)) == (BODY, ["connection"])
    start = int(proxy.requests[2][1]["range"].removeprefix("bytes=").split("-")[0])
    assert 1_000_000 < start <= 1_700_000


def test_object_replaced_in_the_middle_is_read_anew(proxy: Site, s3: int) -> None:
    changed = BODY[::-1]

    def pass_on_and_replace(handler: Handler) -> None:
        handler.reply(*ask(handler, s3))
        send(s3, "PUT", "/music/masters/track.mp3", changed)

    proxy.script.append(pass_on_and_replace)
    assert fetched(settings(proxy.port)) == (changed, ["replaced"])


def test_silence_is_cut_short_and_tried_again(proxy: Site) -> None:
    proxy.script.append(Handler.hold)
    assert fetched(settings(proxy.port, timeout_seconds=3.0)) == (BODY, ["timeout"])


def test_lasting_silence_meets_the_deadline(proxy: Site) -> None:
    proxy.default = Handler.hold
    with pytest.raises(FetchTimeoutError):
        fetched(settings(proxy.port), seconds=0.5)


_FETCH_IN_A_PROCESS_OF_ITS_OWN = """
import json, re, sys, time
from pathlib import Path
from consumer.config import FetchSettings
from consumer.fetch import Fetcher

def peak_bytes():
    # Not getrusage's figure: it begins at the peak of the process that forked this one.
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

fetcher = Fetcher(FetchSettings.model_validate_json(sys.argv[1]))
with fetcher.fetch("s3://music/masters/track.mp3", deadline=time.monotonic() + 60):
    pass
before, begun = peak_bytes(), time.monotonic()
with fetcher.fetch("s3://music/masters/large.wav", deadline=time.monotonic() + 60) as audio:
    seconds = time.monotonic() - begun
    print(json.dumps({"size": audio.size_bytes, "grown": peak_bytes() - before, "seconds": seconds}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's peak of memory")
def test_large_object_does_not_grow_the_process(s3: int, proxy: Site) -> None:
    size_bytes = 50_000_000
    send(s3, "PUT", "/music/masters/large.wav", bytes(size_bytes))
    limits = settings(s3, part_bytes=4 * 1024 * 1024, timeout_seconds=60.0).model_dump(mode="json")
    limits["store_options"] |= {
        name: secret.get_secret_value() for name, secret in settings(s3).store_options.items()
    }
    run = subprocess.run(
        [sys.executable, "-c", _FETCH_IN_A_PROCESS_OF_ITS_OWN, json.dumps(limits)],
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(run.stdout)
    assert measured["size"] == size_bytes
    assert measured["grown"] < 20_000_000, measured
