"""Checks the reading of object stores: parts, keys, allow-lists, settings."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, unquote

import pytest
from pydantic import SecretStr

from consumer.errors import (
    AudioNotFoundError,
    AudioTooLargeError,
    FetchFailedError,
    ForbiddenUriError,
    SettingsError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.serving import Blob, Site, soon
from tests.consumer.fetch.storing import BODY, URI, URL_PATH, fetched, settings

pytestmark = pytest.mark.slow  # a scripted store a test


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


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


@pytest.mark.parametrize("key", ["masters//a b.mp3", "masters/folder/", "masters/ü//two//", "/lead%2B.mp3"])
def test_slashes_that_the_client_would_fold_reach_the_store(site: Site, key: str) -> None:
    site.blobs = {f"/music/{key}": Blob(BODY)}
    site.default = serve_decoded
    limits = settings(site, object_stores=("s3://music",))
    assert fetched(f"s3://music/{quote(key)}", limits, spelling="encoded") == BODY


def test_slashes_that_cannot_reach_the_store_are_not_sent(site: Site) -> None:
    styles = SecretStr("true")
    limits = settings(site)
    options = {**limits.store_options, "aws_virtual_hosted_style_request": styles}
    with pytest.raises(FetchFailedError, match="empty segment"):
        fetched("s3://music/masters//track.mp3", limits.model_copy(update={"store_options": options}))
    assert site.requests == []


def test_no_object_but_the_one_that_is_spelled_out_is_read(site: Site) -> None:
    site.blobs = {"/music/masters/100%25.mp3": Blob(BODY)}
    site.default = serve_decoded
    with pytest.raises(AudioNotFoundError):
        fetched("s3://music/masters/100%25.mp3", settings(site), spelling="encoded")
    assert fetched("s3://music/masters/100%25.mp3", settings(site), spelling="literal") == BODY


@pytest.mark.parametrize(
    "uri",
    [
        "s3://music/masters2/track.mp3",
        "s3://music/track.mp3",
        "s3://music/masters/../private/track.mp3",
        "s3://music/masters/%2e%2e/private/track.mp3",
        "s3://music/masters/..%2fprivate/track.mp3",
        "s3://music//masters/track.mp3",
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
        "gs://music/masters//track.mp3",
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
