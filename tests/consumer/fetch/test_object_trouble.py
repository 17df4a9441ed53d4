"""Checks what is made of an object store that fails, throttles, cuts, lies or falls silent."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from consumer.errors import (
    AudioNotFoundError,
    FetchDeniedError,
    FetchError,
    FetchFailedError,
    FetchTimeoutError,
    FetchUnavailableError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.serving import Blob, Site, soon
from tests.consumer.fetch.storing import BODY, PART_BYTES, URI, URL_PATH, fetched, settings

pytestmark = pytest.mark.slow  # waits for back-off


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


def ranges(site: Site) -> list[str | None]:
    return [headers.get("range") for _, headers in site.requests]


@pytest.mark.parametrize(
    ("code", "error"),
    [(404, AudioNotFoundError), (401, FetchDeniedError), (403, FetchDeniedError), (400, FetchFailedError)],
)
def test_answers_that_stay_are_not_asked_for_twice(site: Site, code: int, error: type[FetchError]) -> None:
    site.default = serving.status(code, b"<Error><Message>s3cret</Message></Error>")
    with pytest.raises(error) as caught:
        fetched(URI, settings(site))
    assert len(site.requests) == 1
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "body", "cause"),
    [
        (503, b"<Error><Code>SlowDown</Code></Error>", "throttled"),
        (429, b"", "throttled"),
        (500, b"<Error><Code>InternalError</Code></Error>", "server_error"),
        (503, b"", "throttled"),
        (408, b"", "timeout"),
    ],
)
def test_answers_that_pass_are_tried_again_and_counted(
    site: Site, code: int, body: bytes, cause: str
) -> None:
    site.script.append(serving.status(code, body))
    retries: list[str] = []
    assert fetched(URI, settings(site), retries=retries) == BODY
    assert retries == [cause]


def test_store_that_keeps_failing_is_unavailable_after_the_attempts(site: Site) -> None:
    site.default = serving.status(503, b"<Error><Code>SlowDown</Code></Error>")
    retries: list[str] = []
    with pytest.raises(FetchUnavailableError, match=r"throttles.*attempts=3") as caught:
        fetched(URI, settings(site), retries=retries)
    assert type(caught.value) is FetchUnavailableError
    assert (len(site.requests), len(retries)) == (3, 2)


def test_cut_part_is_resumed_at_its_offset(site: Site) -> None:
    site.script.extend([serving.serve, serving.cut_after(10_000)])
    retries: list[str] = []
    assert fetched(URI, settings(site), retries=retries) == BODY
    assert retries == ["connection"]
    starts = [int(str(text).removeprefix("bytes=").split("-")[0]) for text in ranges(site)]
    assert starts[:2] == [0, PART_BYTES]
    assert PART_BYTES <= starts[2] <= PART_BYTES + 10_000


def test_object_that_is_replaced_meanwhile_is_read_anew_and_never_mixed(site: Site) -> None:
    changed = BODY[::-1]

    def serve_and_change(handler: serving.Handler) -> None:
        serving.serve(handler)
        site.blobs[URL_PATH] = Blob(changed)

    site.script.append(serve_and_change)
    retries: list[str] = []
    assert fetched(URI, settings(site), retries=retries) == changed
    assert retries == ["replaced"]


def test_store_that_ignores_the_condition_is_noticed(site: Site) -> None:
    changed = Blob(BODY[::-1])

    def serve_and_change(handler: serving.Handler) -> None:
        serving.serve(handler)
        site.blobs[URL_PATH] = changed

    def without_condition(handler: serving.Handler) -> None:
        del handler.headers["If-Match"]
        serving.serve(handler)

    site.script.extend([serve_and_change, without_condition])
    retries: list[str] = []
    assert fetched(URI, settings(site, part_bytes=60_000), retries=retries) == changed.body
    assert retries == ["replaced"]


def test_store_that_ignores_ranges_is_named(site: Site) -> None:
    site.default = lambda handler: handler.reply(200, {"ETag": '"e"'}, BODY)
    with pytest.raises(FetchFailedError, match="ranged reads"):
        fetched(URI, settings(site))


@pytest.mark.parametrize("slow", [serving.trickle, serving.trickle_headers])
def test_store_that_trickles_meets_the_deadline(site: Site, slow: serving.Answer) -> None:
    site.default = slow
    begun = time.monotonic()
    with pytest.raises(FetchTimeoutError):
        fetched(URI, settings(site), deadline=begun + 0.3)
    assert 0.25 < time.monotonic() - begun < 1.5


def test_fetcher_works_on_after_a_deadline_cut_a_read_short(site: Site) -> None:
    site.script.append(serving.trickle)
    with Fetcher(settings(site)) as fetcher:
        with pytest.raises(FetchTimeoutError), fetcher.fetch(URI, deadline=soon(0.2)):
            pass
        with fetcher.fetch(URI, deadline=soon()) as audio:
            assert audio.file.read() == BODY


@pytest.mark.slow
def test_store_that_falls_silent_leaves_time_for_another_attempt(site: Site) -> None:
    site.script.append(serving.stall_after(10_000))
    retries: list[str] = []
    assert fetched(URI, settings(site, timeout_seconds=1.5), retries=retries) == BODY
    assert retries == ["timeout"]


@pytest.mark.slow
def test_store_that_is_always_silent_is_a_time_out(site: Site) -> None:
    site.default = serving.stall_after(0)
    with pytest.raises(FetchTimeoutError):
        fetched(URI, settings(site, timeout_seconds=0.6, attempts=2))


def test_store_that_is_not_there_is_unavailable(site: Site) -> None:
    gone = Site(port=9)
    with pytest.raises(FetchUnavailableError, match="cannot be reached"):
        fetched(URI, settings(gone, attempts=1))
