"""Checks where the reading of web servers goes: hosts, addresses, redirects, certificates."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from consumer.config import FetchSettings
from consumer.errors import (
    FetchDeniedError,
    FetchFailedError,
    FetchUnavailableError,
    ForbiddenUriError,
)
from consumer.fetch import Fetcher
from tests.consumer.fetch import serving
from tests.consumer.fetch.certificates import self_signed
from tests.consumer.fetch.fetching import BODY, URL_PATH, Resolved, fetched, settings
from tests.consumer.fetch.serving import Blob, Site, soon


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


def test_body_arrives_whole_with_its_content_type_and_asks_for_no_encoding(site: Site) -> None:
    with Fetcher(settings(site)) as fetcher, fetcher.fetch(site.uri(URL_PATH), deadline=soon()) as audio:
        assert audio.file.read() == BODY
        assert (audio.size_bytes, audio.content_type) == (len(BODY), "audio/mpeg")
    assert audio.file.closed
    path, headers = site.requests[0]
    assert path == URL_PATH
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == site.authority
    assert "cookie" not in headers
    assert "authorization" not in headers


def test_query_of_a_presigned_uri_is_sent_and_never_said(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.script.extend([serving.redirect("/signed?Signature=s3cret"), serving.status(403)])
    with pytest.raises(FetchDeniedError) as caught:
        fetched(site.uri(URL_PATH + "?X-Amz-Signature=s3cret"), settings(site))
    assert site.requests[0][0].endswith("?X-Amz-Signature=s3cret")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in caplog.text


def test_cookies_of_one_answer_are_not_sent_with_the_next_request(site: Site) -> None:
    site.script.append(serving.status(302, Location=URL_PATH, Set_Cookie="who=me"))
    assert fetched(site.uri("/start"), settings(site)) == BODY
    assert "cookie" not in site.requests[1][1]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_to_an_allowed_place_are_followed(site: Site, code: int) -> None:
    site.script.append(serving.redirect("track.mp3", code))
    assert fetched(site.uri("/old"), settings(site)) == BODY


def test_redirect_to_a_host_that_is_not_allowed_is_refused(site: Site) -> None:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as other:
        site.script.append(serving.redirect(other.uri(URL_PATH)))
        with pytest.raises(ForbiddenUriError, match=r"not in fetch\.http_hosts"):
            fetched(site.uri("/old"), settings(site))
        assert other.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "s3://bucket/key",
        "//evil.example/x",
        "http://user:pw@127.0.0.1/",
        "http:\\\\evil",
        "",
    ],
)
def test_redirect_to_another_scheme_or_a_malformed_place_is_refused(site: Site, location: str) -> None:
    site.script.append(serving.redirect(location))
    with pytest.raises(ForbiddenUriError):
        fetched(site.uri("/old"), settings(site))
    assert len(site.requests) == 1


def test_redirect_loop_ends(site: Site) -> None:
    site.default = serving.redirect("/loop")
    with pytest.raises(FetchFailedError, match="too many redirects"):
        fetched(site.uri("/loop"), settings(site))
    assert len(site.requests) == 6


def test_redirect_to_a_name_with_a_private_address_is_refused_although_the_name_is_allowed(
    site: Site,
) -> None:
    site.script.append(serving.redirect(f"http://music.example:{site.port}{URL_PATH}"))
    resolve = Resolved(["127.0.0.1"], ["169.254.169.254"])
    with pytest.raises(ForbiddenUriError, match=r"169\.254\.169\.254"):
        fetched(site.uri("/old"), settings(site), resolve=resolve)


def test_loopback_is_refused_unless_the_settings_allow_private_addresses(site: Site) -> None:
    with pytest.raises(ForbiddenUriError, match="private"):
        fetched(site.uri(URL_PATH), settings(site, allow_private_addresses=False))
    assert site.requests == []


def test_one_forbidden_address_among_good_ones_refuses_the_host(site: Site) -> None:
    resolve = Resolved(["93.184.216.34", "10.0.0.1"])
    with pytest.raises(ForbiddenUriError, match=r"10\.0\.0\.1"):
        fetched(
            f"http://music.example:{site.port}/",
            settings(site, allow_private_addresses=False),
            resolve=resolve,
        )


def test_connection_goes_to_the_address_that_was_checked_and_asks_for_the_name(site: Site) -> None:
    # The name exists in this resolver only: had anybody looked it up again, there would be no connection.
    resolve = Resolved(["127.0.0.1"], ["169.254.169.254"])
    assert fetched(f"http://music.example:{site.port}{URL_PATH}", settings(site), resolve=resolve) == BODY
    assert resolve.asked == ["music.example"]
    assert site.requests[0][1]["host"] == f"music.example:{site.port}"


def test_name_that_is_rebound_between_attempts_is_checked_again(site: Site) -> None:
    site.script.append(serving.status(500))
    resolve = Resolved(["127.0.0.1"], ["169.254.169.254"])
    with pytest.raises(ForbiddenUriError):
        fetched(f"http://music.example:{site.port}{URL_PATH}", settings(site), resolve=resolve)
    assert len(site.requests) == 1


def test_second_address_is_tried_where_the_first_refuses_the_connection(site: Site) -> None:
    resolve = Resolved(["127.0.0.2", "127.0.0.1"])
    assert fetched(f"http://music.example:{site.port}{URL_PATH}", settings(site), resolve=resolve) == BODY


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
def test_numbers_that_the_system_reads_as_addresses_are_judged_as_addresses(site: Site, host: str) -> None:
    limits = settings(site, http_hosts=(f"{host}:{site.port}",), allow_private_addresses=False)
    with pytest.raises(ForbiddenUriError, match=r"127\.0\.0\.1"):
        fetched(f"http://{host}:{site.port}/", limits)


@pytest.mark.parametrize(
    "uri",
    [
        "http://",
        "http:/127.0.0.1/x",
        "http:127.0.0.1",
        "http://user@127.0.0.1/",
        "http://127.0.0.1\\@evil.example/",
        "http://127.0.0.1%00.evil.example/",
        "http://evil.example#@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://[fe80::1%25eth0]/",
        "http://exa mple/",
        "http://0177.0.0.1/",
        "http://\uff11\uff12\uff17.0.0.1/",
    ],
)
def test_malformed_uris_are_refused_before_anything_is_sent(uri: str) -> None:
    limits = FetchSettings(http_hosts=("127.0.0.1", "exa"), allow_private_addresses=True)
    with pytest.raises(ForbiddenUriError) as caught:
        fetched(uri, limits)
    assert "\n" not in str(caught.value)


def test_names_are_compared_in_one_spelling(site: Site) -> None:
    limits = settings(site, http_hosts=(f"Bücher.Example:{site.port}",))
    resolve = Resolved(["127.0.0.1"])
    assert fetched(f"http://bÜcher.example.:{site.port}{URL_PATH}", limits, resolve=resolve) == BODY
    assert resolve.asked == ["xn--bcher-kva.example"]


def test_refused_connection_and_unknown_name_are_unavailable(site: Site) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        limits = settings(site, http_hosts=(f"127.0.0.1:{port}", "no.example"), attempts=1)
        with pytest.raises(FetchUnavailableError, match="cannot be reached"):
            fetched(f"http://127.0.0.1:{port}/", limits)

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    with pytest.raises(FetchUnavailableError, match="cannot be resolved"):
        fetched("http://no.example/", limits, resolve=unknown)


def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert fetched(site.uri(URL_PATH), settings(site)) == BODY


def test_certificate_is_verified_for_the_name_and_not_for_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, name="music.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    resolve = Resolved(["127.0.0.1"])
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)}), tls=server_side) as site:
        limits = settings(
            site, http_hosts=(f"music.example:{site.port}", f"evil.example:{site.port}"), attempts=1
        )
        assert fetched(f"https://music.example:{site.port}{URL_PATH}", limits, resolve=resolve) == BODY
        with pytest.raises(FetchUnavailableError, match="certificate"):
            fetched(f"https://evil.example:{site.port}{URL_PATH}", limits, resolve=resolve)
        site.script.append(serving.redirect(f"http://music.example:{site.port}{URL_PATH}"))
        with pytest.raises(ForbiddenUriError, match="from https"):
            fetched(f"https://music.example:{site.port}/old", limits, resolve=resolve)


def test_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, name="music.example")
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)}), tls=server_side) as site:
        with pytest.raises(FetchUnavailableError, match="certificate"):
            fetched(
                f"https://music.example:{site.port}{URL_PATH}",
                settings(site, attempts=1),
                resolve=Resolved(["127.0.0.1"]),
            )
        assert site.requests == []
