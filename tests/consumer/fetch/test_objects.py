"""Checks the reading of object stores against a small server of S3's GetObject that misbehaves on command."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pytest
from pydantic import SecretStr

from consumer.config import FetchSettings
from consumer.errors import (
    AudioNotFoundError,
    AudioTooLargeError,
    FetchDeniedError,
    FetchError,
    FetchFailedError,
    FetchTimeoutError,
    FetchUnavailableError,
    ForbiddenUriError,
    SettingsError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.serving import Blob, Site, soon

BODY = bytes(range(256)) * 400
PART_BYTES = 40_000
URI = "s3://music/masters/track.mp3"
URL_PATH = "/music/masters/track.mp3"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


def settings(site: Site, **changes: Any) -> FetchSettings:
    options = {
        "endpoint": f"http://{site.authority}",
        "region": "us-east-1",
        "access_key_id": "reader",
        "secret_access_key": "s3cret",
    }
    values = {
        "object_stores": ("s3://music/masters/",),
        "store_options": {name: SecretStr(value) for name, value in options.items()},
        "part_bytes": PART_BYTES,
        "timeout_seconds": 5.0,
    }
    return FetchSettings(**{**values, **changes})


def fetched(
    uri: str, limits: FetchSettings, *, retries: list[str] | None = None, deadline: float | None = None
) -> bytes:
    noted = retries if retries is not None else []
    ends = deadline if deadline is not None else soon()
    fetcher = Fetcher(limits, on_retry=noted.append)
    with fetcher, fetcher.fetch(uri, deadline=ends) as audio:
        body = audio.file.read()
        assert audio.size_bytes == len(body)
        return body


def serve_decoded(handler: serving.Handler) -> None:
    handler.path = unquote(handler.path)
    serving.serve(handler)


def ranges(site: Site) -> list[str | None]:
    return [headers.get("range") for _, headers in site.requests]


def test_object_is_read_in_parts_of_one_pinned_version(site: Site) -> None:
    with Fetcher(settings(site)) as fetcher, fetcher.fetch(URI, deadline=soon()) as audio:
        assert audio.file.read() == BODY
        assert audio.content_type == "audio/mpeg"
        assert audio.file.fileno() > 2
    assert audio.file.closed
    assert ranges(site) == ["bytes=0-39999", "bytes=40000-79999", "bytes=80000-119999"]
    assert [headers.get("if-match") for _, headers in site.requests] == [
        None,
        Blob(BODY).etag,
        Blob(BODY).etag,
    ]


def test_client_is_kept_from_track_to_track(site: Site) -> None:
    with Fetcher(settings(site)) as fetcher:
        for _ in range(3):
            with fetcher.fetch(URI, deadline=soon()) as audio:
                assert audio.file.read() == BODY


def test_empty_object_is_an_empty_file(site: Site) -> None:
    site.blobs[URL_PATH] = Blob(b"")
    assert fetched(URI, settings(site)) == b""


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp3",
        "100% love+hate.mp3",
        "trück.mp3",
        "e\u0301.mp3",
        "what?#1.mp3",
        "a\\b.mp3",
        "..hidden",
        "~*'(x)!&=$,;:@",
    ],
)
def test_key_is_read_whether_its_uri_is_encoded_or_not(site: Site, name: str) -> None:
    site.blobs = {f"/music/masters/{name}": Blob(BODY)}
    site.default = serve_decoded
    assert fetched(f"s3://music/masters/{quote(name)}", settings(site)) == BODY
    assert fetched(f"s3://music/masters/{name}", settings(site)) == BODY


def test_key_that_itself_holds_percent_escapes_is_found_by_its_literal_spelling(site: Site) -> None:
    site.blobs = {"/music/masters/100%25 love+hate.mp3": Blob(BODY)}
    site.default = serve_decoded
    assert fetched("s3://music/masters/100%25 love+hate.mp3", settings(site)) == BODY
    assert fetched("s3://music/masters/100%2525%20love+hate.mp3", settings(site)) == BODY


@pytest.mark.parametrize(
    "uri",
    [
        "s3://music/masters2/track.mp3",
        "s3://music/track.mp3",
        "s3://music/masters/../private/track.mp3",
        "s3://music/masters/%2e%2e/private/track.mp3",
        "s3://music/masters/..%2fprivate/track.mp3",
        "s3://music/masters//track.mp3",
        "s3://music//masters/track.mp3",
        "s3://music/masters/",
        "s3://music/masters/\x00",
        "s3://music/masters/%0a",
        "s3://music/masters/%ff",
        "s3://music",
        "s3://music/",
        "s3:///masters/track.mp3",
        "s3:music/masters/track.mp3",
        "s3://user:pw@music/masters/track.mp3",
        "s3://music:80/masters/track.mp3",
        "s3://MUSIC/masters/track.mp3",
        "gs://music/masters/track.mp3",
        "az://music/masters/track.mp3",
        "abfs://music/masters/track.mp3",
        "s3://mus%69c/masters/track.mp3",
        "s3://../masters/track.mp3",
    ],
)
def test_what_is_not_allowed_or_malformed_is_refused_before_anything_is_sent(site: Site, uri: str) -> None:
    with pytest.raises(ForbiddenUriError):
        fetched(uri, settings(site))
    assert site.requests == []


def test_size_over_the_limit_is_refused_before_the_body(site: Site) -> None:
    site.script.append(serving.stall_after(0))
    with pytest.raises(AudioTooLargeError, match=f"size_bytes={len(BODY)}"):
        fetched(URI, settings(site, max_bytes=len(BODY) - 1))
    assert len(site.requests) == 1


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


def test_unknown_option_is_a_bad_setting(site: Site) -> None:
    limits = settings(site, store_options={"endpont": SecretStr("s3cret")})
    with pytest.raises(SettingsError, match="endpont") as caught:
        fetched(URI, limits)
    assert "s3cret" not in str(caught.value)


def test_plain_http_is_spoken_with_an_endpoint_that_the_operator_named_in_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{site.authority}")
    options = {name: secret for name, secret in settings(site).store_options.items() if name != "endpoint"}
    assert fetched(URI, settings(site, store_options=options)) == BODY


def test_google_and_azure_are_read_in_the_same_way(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_BASE_URL", f"http://{site.authority}")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://{site.authority}/account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    site.blobs = {"/music/track.mp3": Blob(BODY), "/account/music/track.mp3": Blob(BODY)}
    site.default = serve_decoded
    limits = settings(site, object_stores=("gs://music", "az://music"))
    for scheme in ("gs", "az"):
        site.script.extend([serve_decoded, serving.cut_after(0)])
        retries: list[str] = []
        assert fetched(f"{scheme}://music/track.mp3", limits, retries=retries) == BODY
        assert retries == ["connection"]
        with pytest.raises(AudioNotFoundError):
            fetched(f"{scheme}://music/absent.mp3", limits)


def test_endpoint_that_no_request_can_be_made_for_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "ftp://127.0.0.1/account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    with pytest.raises((FetchFailedError, SettingsError), match=r"endpoint|environment"):
        fetched("az://music/track.mp3", settings(site, object_stores=("az://music",)))
