"""Checks what is made of a web server's answers: statuses, lies, cuts, replaced bodies, slowness."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from consumer.errors import (
    AudioNotFoundError,
    AudioTooLargeError,
    FetchDeniedError,
    FetchError,
    FetchFailedError,
    FetchTimeoutError,
    FetchUnavailableError,
)
from tests.consumer.fetch import serving
from tests.consumer.fetch.fetching import BODY, URL_PATH, fetched, settings
from tests.consumer.fetch.serving import Blob, Site

pytestmark = pytest.mark.slow  # waits for back-off


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (404, AudioNotFoundError),
        (410, AudioNotFoundError),
        (401, FetchDeniedError),
        (403, FetchDeniedError),
        (400, FetchFailedError),
        (416, FetchFailedError),
        (204, FetchFailedError),
        (304, FetchFailedError),
        (206, FetchFailedError),
    ],
)
def test_answers_that_stay_are_not_asked_for_twice(site: Site, code: int, error: type[FetchError]) -> None:
    site.script.append(serving.status(code))
    with pytest.raises(error):
        fetched(site.uri(URL_PATH), settings(site))
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("code", "cause"), [(500, "server_error"), (429, "throttled"), (503, "throttled"), (408, "timeout")]
)
def test_answers_that_pass_are_tried_again_and_counted(site: Site, code: int, cause: str) -> None:
    site.script.append(serving.status(code))
    retries: list[str] = []
    assert fetched(site.uri(URL_PATH), settings(site), retries=retries) == BODY
    assert retries == [cause]


def test_server_that_keeps_failing_is_unavailable_after_the_attempts(site: Site) -> None:
    site.default = serving.status(502)
    retries: list[str] = []
    with pytest.raises(FetchUnavailableError, match=r"status=502.*attempts=3") as caught:
        fetched(site.uri(URL_PATH), settings(site), retries=retries)
    assert type(caught.value) is FetchUnavailableError
    assert (len(site.requests), len(retries)) == (3, 2)


@pytest.mark.slow
def test_retry_after_is_waited_for(site: Site) -> None:
    site.script.append(serving.status(503, Retry_After="1"))
    begun = time.monotonic()
    assert fetched(site.uri(URL_PATH), settings(site)) == BODY
    assert time.monotonic() - begun >= 1.0


def test_retry_after_beyond_the_deadline_gives_up_at_once(site: Site) -> None:
    site.script.append(serving.status(503, Retry_After="3600"))
    begun = time.monotonic()
    with pytest.raises(FetchUnavailableError):
        fetched(site.uri(URL_PATH), settings(site))
    assert time.monotonic() - begun < 2.0


def test_cut_body_is_resumed_at_its_offset(site: Site) -> None:
    site.script.append(serving.cut_after(60_000))
    retries: list[str] = []
    assert fetched(site.uri(URL_PATH), settings(site), retries=retries) == BODY
    headers = site.requests[1][1]
    assert headers["range"] == "bytes=60000-"
    assert headers["if-range"] == Blob(BODY).etag
    assert retries == ["connection"]


def test_body_that_changed_meanwhile_is_read_anew_and_never_mixed(site: Site) -> None:
    changed = BODY[::-1]

    def cut_and_change(handler: serving.Handler) -> None:
        serving.cut_after(60_000)(handler)
        site.blobs[URL_PATH] = Blob(changed)

    site.script.append(cut_and_change)
    assert fetched(site.uri(URL_PATH), settings(site)) == changed


def test_server_that_ignores_the_condition_and_sends_another_version_is_noticed(site: Site) -> None:
    part = serving.status(
        206, BODY[60_000:], Content_Range=f"bytes 60000-{len(BODY) - 1}/{len(BODY)}", ETag='"other"'
    )
    site.script.extend([serving.cut_after(60_000), part])
    retries: list[str] = []
    assert fetched(site.uri(URL_PATH), settings(site), retries=retries) == BODY
    assert retries == ["connection", "replaced"]


def test_server_that_sends_another_range_is_noticed(site: Site) -> None:
    etag = Blob(BODY).etag
    part = serving.status(
        206, BODY[50_000:], Content_Range=f"bytes 50000-{len(BODY) - 1}/{len(BODY)}", ETag=etag
    )
    site.script.extend([serving.cut_after(60_000), part])
    assert fetched(site.uri(URL_PATH), settings(site)) == BODY


def test_body_without_a_validator_is_read_anew(site: Site) -> None:
    def without_validator(handler: serving.Handler) -> None:
        handler.reply(200, {"Content-Length": str(len(BODY))}, BODY[:60_000])
        handler.close_connection = True

    site.script.append(without_validator)
    assert fetched(site.uri(URL_PATH), settings(site)) == BODY
    assert "range" not in site.requests[1][1]


def test_announced_size_over_the_limit_is_refused_before_the_body(site: Site) -> None:
    site.script.append(serving.stall_after(0))
    with pytest.raises(AudioTooLargeError, match=f"size_bytes={len(BODY)}"):
        fetched(site.uri(URL_PATH), settings(site, max_bytes=len(BODY) - 1))


def test_body_that_was_announced_smaller_or_not_at_all_never_outgrows_the_limit(site: Site) -> None:
    chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    site.script.append(serving.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 64))
    with pytest.raises(AudioTooLargeError):
        fetched(site.uri(URL_PATH), settings(site, max_bytes=100_000))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
        b"",
    ],
)
def test_nonsense_is_a_failure_that_may_pass(site: Site, head: bytes) -> None:
    site.default = serving.raw(head)
    with pytest.raises(FetchUnavailableError):
        fetched(site.uri(URL_PATH), settings(site, attempts=1))


def test_encoded_bodies_are_refused(site: Site) -> None:
    site.script.append(serving.status(200, b"\x1f\x8b" + bytes(40), Content_Encoding="gzip"))
    with pytest.raises(FetchFailedError, match="gzip"):
        fetched(site.uri(URL_PATH), settings(site))


@pytest.mark.parametrize("slow", [serving.trickle, serving.trickle_headers])
def test_server_that_trickles_meets_the_deadline(site: Site, slow: serving.Answer) -> None:
    site.default = slow
    begun = time.monotonic()
    with pytest.raises(FetchTimeoutError):
        fetched(site.uri(URL_PATH), settings(site), deadline=begun + 0.3)
    assert 0.25 < time.monotonic() - begun < 1.5


@pytest.mark.slow
def test_server_that_falls_silent_leaves_time_for_another_attempt(site: Site) -> None:
    site.script.append(serving.stall_after(60_000))
    retries: list[str] = []
    assert fetched(site.uri(URL_PATH), settings(site, timeout_seconds=1.5), retries=retries) == BODY
    assert retries == ["timeout"]
