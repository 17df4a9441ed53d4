"""Turns an http(s) URI into spooled bytes, from allowed servers only, at the addresses that were checked."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from consumer.config import FetchSettings
from consumer.errors import FetchFailedError, ForbiddenUriError
from consumer.fetch.addresses import Resolver, is_forbidden
from consumer.fetch.allow import DEFAULT_PORTS, HostAllowList, normal_host
from consumer.fetch.answers import pin, require_audio
from consumer.fetch.retries import FetchInterruptedError
from consumer.fetch.transfer import Transfer
from consumer.fetch.uris import refused

MAX_REDIRECTS: Final = 5  # CDNs use one or two

_CONNECT_SECONDS: Final = 5.0  # per address; servers that are up answer in a tenth of that
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_HEADERS: Final = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "genrestream"}


@dataclass(frozen=True, slots=True)
class _Target:
    """One hop: the URL, and its server in the spelling of the allow-list."""

    url: httpx.URL
    host: str
    port: int

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.url.scheme] else f"{host}:{self.port}"


class WebReader:
    """Reads from web servers; every hop is checked by name and by address, then connected to that address.

    It speaks through httpx's transport, below its client: no cookies, no redirects of its own, and no proxies
    of the environment, which would look names up again, behind the check.
    Use from one thread and one event loop.
    """

    def __init__(
        self, settings: FetchSettings, *, hosts: HostAllowList, resolve: Resolver | None = None
    ) -> None:
        self._settings = settings
        self._hosts = hosts
        self._resolve = resolve if resolve is not None else _resolve
        stall_seconds = settings.timeout_seconds / settings.attempts  # leaves the other attempts their share
        self._timeouts = httpx.Timeout(stall_seconds, connect=min(_CONNECT_SECONDS, stall_seconds)).as_dict()
        # Its debug lines hold whole headers, and with them signed URLs that servers redirect to.
        logging.getLogger("httpcore").setLevel(logging.INFO)
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}

    async def resume(self, uri: str, *, transfer: Transfer) -> None:
        """Read the resource, from where the transfer stands if the server can tell that it is still the same.

        Raises
        ------
        ForbiddenUriError, AudioNotFoundError, FetchDeniedError, FetchFailedError, AudioTooLargeError
            Another attempt will not change it.
        FetchInterruptedError
            Another attempt may.
        """
        headers = dict(_HEADERS)
        if transfer.offset and transfer.validator is not None:
            headers |= {"range": f"bytes={transfer.offset}-", "if-range": transfer.validator}
        with _translated(transfer):
            async with self._answer(uri, headers=headers, transfer=transfer) as response:
                require_audio(
                    response.status_code, response.headers, transfer=transfer, ranged="range" in headers
                )
                pin(response.status_code, response.headers, transfer=transfer)
                async for chunk in response.aiter_raw():
                    transfer.spool.write(chunk)
        if transfer.total_bytes is not None and not transfer.complete:
            raise transfer.cut("the body ended early")

    @asynccontextmanager
    async def _answer(
        self, uri: str, *, headers: dict[str, str], transfer: Transfer
    ) -> AsyncIterator[httpx.Response]:
        target = self._checked(_parsed(uri, uri=uri), uri=uri)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._send(target, headers=headers, uri=uri)
            try:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                target = self._next(target, response, uri=uri)
            finally:
                await response.aclose()
        raise FetchFailedError(
            f"too many redirects: uri={transfer.shown_uri}, limit={MAX_REDIRECTS}; publish the final URI"
        )

    def _next(self, target: _Target, response: httpx.Response, *, uri: str) -> _Target:
        location = response.headers.get("location", "")
        if not location or "\\" in location:
            raise refused(uri, f"its server redirects to nowhere, status={response.status_code}")
        url = target.url.join(_parsed(location, uri=uri))
        if target.url.scheme == "https" and url.scheme != "https":
            raise refused(uri, f"its server redirects from https to scheme={url.scheme!r}")
        return self._checked(url, uri=uri)

    def _checked(self, url: httpx.URL, *, uri: str) -> _Target:
        if url.scheme not in DEFAULT_PORTS:
            raise refused(uri, f"its server redirects to scheme={url.scheme!r}")
        if url.userinfo:
            raise refused(uri, "it holds a user name or password; remove them")
        host = normal_host(url.raw_host.decode("ascii"))
        port = url.port if url.port is not None else DEFAULT_PORTS[url.scheme]
        if host is None or not 0 < port < 65_536:
            raise refused(uri, "its host or port is malformed")
        if not self._hosts.allows(url.scheme, host, port):
            raise refused(uri, f"host={host!r}, port={port} is not in fetch.http_hosts")
        return _Target(url, host, port)

    async def _send(self, target: _Target, *, headers: dict[str, str], uri: str) -> httpx.Response:
        failure: httpx.TransportError | None = None
        for address in await self._addresses(target, uri=uri):
            request = httpx.Request(
                "GET",
                # The address that was checked, so that no second look-up can name another.
                target.url.copy_with(host=address),
                headers={"host": target.host_header, **headers},
                extensions={"sni_hostname": target.host, "timeout": self._timeouts},
            )
            try:
                return await self._transport(target.url.scheme).handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                failure = exc
        raise failure if failure is not None else httpx.ConnectError("the host has no address")

    def _transport(self, scheme: str) -> httpx.AsyncHTTPTransport:
        if scheme not in self._transports:
            self._transports[scheme] = httpx.AsyncHTTPTransport(
                verify=_trust() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                # Pooled by address: a second name at an address must not use the first one's TLS.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._transports[scheme]

    async def _addresses(self, target: _Target, *, uri: str) -> Sequence[str]:
        try:
            addresses = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as exc:
            raise FetchInterruptedError(
                f"host cannot be resolved: host={target.host!r}; look at its spelling and at DNS",
                cause="connection",
            ) from exc
        for address in addresses:
            if is_forbidden(address, allow_private=self._settings.allow_private_addresses):
                raise refused(
                    uri,
                    f"host={target.host!r} has the address {address}, which is private, reserved "
                    "or a metadata service (fetch.allow_private_addresses allows private ones)",
                )
        return addresses


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _trust() -> ssl.SSLContext:
    """Load the authorities that are trusted: SSL_CERT_FILE's, for private ones, or else the public ones."""
    return httpx.create_ssl_context(
        trust_env=True
    )  # takes a tenth of a second, so only for those who need it


def _parsed(text: str, *, uri: str) -> httpx.URL:
    # Browsers read a backslash as a slash and other parsers do not: what is checked must be what is fetched.
    if "\\" in text:
        raise refused(uri, "it holds a backslash; percent-encode it")
    try:
        return httpx.URL(text)
    except httpx.InvalidURL:
        raise refused(uri, "it is not a well-formed URL") from None


@contextmanager
def _translated(transfer: Transfer) -> Iterator[None]:
    uri = transfer.shown_uri
    try:
        yield
    except httpx.TimeoutException as exc:
        raise FetchInterruptedError(
            f"server stalls: uri={uri}, received_bytes={transfer.offset}", cause="timeout"
        ) from exc
    except httpx.ConnectError as exc:
        if _is_certificate_trouble(exc):
            raise FetchInterruptedError(
                f"server's certificate is not trusted: uri={uri}; renew it or set SSL_CERT_FILE",
                cause="connection",
            ) from exc
        raise FetchInterruptedError(
            f"server cannot be reached: uri={uri}; look at its health", cause="connection"
        ) from exc
    except httpx.LocalProtocolError as exc:
        raise ForbiddenUriError(f"audio URI refused: uri={uri}: no request can be made of it") from exc
    except httpx.TransportError as exc:
        raise transfer.cut(type(exc).__name__) from exc


def _is_certificate_trouble(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
