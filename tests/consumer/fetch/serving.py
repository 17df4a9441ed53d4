"""Turns a script of answers into a web server on loopback, which speaks enough S3 to be read from."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]

STALLED_SECONDS = (
    30.0  # how long a stalled answer holds on: longer than any test waits, shorter than for ever
)


@dataclass
class Blob:
    """What lies under a path."""

    body: bytes
    content_type: str = "audio/mpeg"

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


@dataclass
class Site:
    """A server whose next answers are scripted; unscripted it serves `blobs`, with ranges and conditions."""

    port: int = 0
    scheme: str = "http"
    blobs: dict[str, Blob] = field(default_factory=dict)
    script: deque[Answer] = field(default_factory=deque)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    default: Answer | None = None
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"

    def uri(self, path: str) -> str:
        return f"{self.scheme}://{self.authority}{path}"


class Handler(BaseHTTPRequestHandler):
    """Plays the next answer of its site's script."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = self.site.script.popleft() if self.site.script else self.site.default or serve
        try:
            answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the base class names it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        return

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hold(self, seconds: float = STALLED_SECONDS) -> None:
        """Keep the connection open and silent; returns at once when the site stops."""
        self.site.stopped.wait(seconds)


def serve(handler: Handler) -> None:
    """Serve a blob as a well-behaved server does: ranges, If-Match, If-Range, 404, 416."""
    status, headers, body = well_behaved(handler)
    handler.reply(status, headers, body)


def well_behaved(handler: Handler) -> tuple[int, dict[str, str], bytes]:
    blob = handler.site.blobs.get(handler.path) or handler.site.blobs.get(handler.path.partition("?")[0])
    if blob is None:
        return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
    headers = {
        "ETag": blob.etag,
        "Content-Type": blob.content_type,
        "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
        "Accept-Ranges": "bytes",
    }
    if handler.headers.get("If-Match", blob.etag) != blob.etag:
        return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if match is None or handler.headers.get("If-Range", blob.etag) not in {
        blob.etag,
        headers["Last-Modified"],
    }:
        return 200, headers, blob.body
    start, total = int(match[1]), len(blob.body)
    end = min(int(match[2]) + 1 if match[2] else total, total)
    if start >= total:
        return 416, {"Content-Range": f"bytes */{total}"}, b"<Error><Code>InvalidRange</Code></Error>"
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    return 206, headers, blob.body[start:end]


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    return lambda handler: handler.reply(code, {n.replace("_", "-"): v for n, v in headers.items()}, body)


def redirect(location: str, code: int = 302) -> Answer:
    return status(code, Location=location)


def cut_after(count: int) -> Answer:
    """Announce the whole body, send `count` bytes of it, and hang up."""

    def answer(handler: Handler) -> None:
        code, headers, body = well_behaved(handler)
        handler.reply(code, {"Content-Length": str(len(body)), **headers}, body[:count])
        handler.wfile.flush()
        handler.close_connection = True

    return answer


def stall_after(count: int) -> Answer:
    """Send `count` bytes of the body and then nothing, with the connection open."""

    def answer(handler: Handler) -> None:
        code, headers, body = well_behaved(handler)
        handler.reply(code, {"Content-Length": str(len(body)), **headers}, body[:count])
        handler.wfile.flush()
        handler.hold()
        handler.close_connection = True

    return answer


def trickle(handler: Handler) -> None:
    """Send a byte of the body every hundredth of a second: slow, but never silent."""
    code, headers, body = well_behaved(handler)
    handler.reply(code, {"Content-Length": str(len(body)), **headers})
    _drip(handler, body)


def trickle_headers(handler: Handler) -> None:
    """Send an answer's headers, byte by byte, without an end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler, b"x" * 100_000)


def _drip(handler: Handler, body: bytes) -> None:
    for index in range(len(body)):
        handler.wfile.write(body[index : index + 1])
        handler.wfile.flush()
        if handler.site.stopped.wait(0.01):
            break
    handler.close_connection = True


def raw(data: bytes) -> Answer:
    """Send bytes as they are and hang up."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return answer


@contextmanager
def serving(site: Site | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a site on a free port of loopback."""
    site = site if site is not None else Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"site": site}))
    server.daemon_threads = True
    site.port = server.server_port
    if tls is not None:
        site.scheme = "https"
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


def soon(seconds: float = 10.0) -> float:
    """Give a deadline that no honest fetch on loopback misses."""
    return time.monotonic() + seconds
