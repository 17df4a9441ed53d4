"""Checks the reading of web servers against a server that misbehaves on command."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

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
)
from consumer.fetch import Fetcher
from consumer.fetch.addresses import Resolver
from tests.consumer.fetch import serving
from tests.consumer.fetch.certificates import self_signed
from tests.consumer.fetch.serving import Blob, Site, soon

BODY = bytes(range(256)) * 400
URL_PATH = "/track.mp3"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving.serving(Site(blobs={URL_PATH: Blob(BODY)})) as running:
        yield running


class Resolved:
    """A resolver that gives its answers in order, the last one for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def settings(site: Site, **changes: Any) -> FetchSettings:
    values = {
        "http_hosts": (site.authority, f"music.example:{site.port}"),
        "allow_private_addresses": True,
        "timeout_seconds": 5.0,
    }
    return FetchSettings(**{**values, **changes})


def fetched(
    uri: str,
    limits: FetchSettings,
    *,
    retries: list[str] | None = None,
    resolve: Resolver | None = None,
    deadline: float | None = None,
) -> bytes:
    noted = retries if retries is not None else []
    ends = deadline if deadline is not None else soon()
    fetcher = Fetcher(limits, on_retry=noted.append, resolve=resolve)
    with fetcher, fetcher.fetch(uri, deadline=ends) as audio:
        body = audio.file.read()
        assert audio.size_bytes == len(body)
        assert audio.file.fileno() > 2
        return body


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
