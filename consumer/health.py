"""Turns a worker's state into HTTP answers: `/metrics`, `/healthz` (restart?), `/readyz` (route to me?)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Final, Self

from consumer.config import ServeSettings
from consumer.errors import SettingsError

_JSON: Final = "application/json"
_IDLE_SECONDS: Final = 10.0
"""A connection that sends nothing for this long is closed, so that idle ones cannot pile up threads."""
_SHUTDOWN_SECONDS: Final = 0.25
"""How often the server thread looks whether it should stop."""


@dataclass(frozen=True, slots=True)
class Report:
    """One answer to one probe.

    Attributes
    ----------
    ok : bool
        200 where true, 503 otherwise.
    why : str
        What is wrong, or that nothing is, for the person who reads the probe's body.
    details : mapping
        JSON-ready figures behind the answer.
    """

    ok: bool
    why: str
    details: Mapping[str, object] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Give the JSON body."""
        return json.dumps({"ok": self.ok, "why": self.why, **self.details}).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Probes:
    """What the server asks; each is called on a server thread, must be quick and must not block.

    Attributes
    ----------
    metrics : callable
        Gives the content type and the body of `/metrics`.
    health : callable
        Does the poll loop turn? An orchestrator restarts the worker where not.
    ready : callable
        Can partitions be served?
    """

    metrics: Callable[[], tuple[str, bytes]]
    health: Callable[[], Report]
    ready: Callable[[], Report]


class HealthServer:
    """Serves the three paths on daemon threads until closed.

    Parameters
    ----------
    settings : ServeSettings
        Where to listen; port 0 takes a free one.
    probes : Probes
        Where the answers come from.

    Raises
    ------
    SettingsError
        The address cannot be listened on.
    """

    def __init__(self, settings: ServeSettings, *, probes: Probes) -> None:
        try:
            self._server = _Server((settings.host, settings.port), probes)
        except OSError as exc:
            raise SettingsError(
                f"cannot serve metrics: host={settings.host} port={settings.port}: {exc.strerror}; "
                "a second worker on a host takes --slot 1; or set serve.port (--port), 0 for any"
            ) from exc
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_SHUTDOWN_SECONDS,), name="health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; blocks for half a second at most."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], probes: Probes) -> None:
        self.probes = probes
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the name service for the host's full name, which may take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "genrestream"
    sys_version = ""
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        probes = self.server.probes
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/metrics":
            content_type, body = probes.metrics()
            self._answer(HTTPStatus.OK, content_type=content_type, body=body)
        elif path in ("/healthz", "/readyz"):
            report = (probes.health if path == "/healthz" else probes.ready)()
            status = HTTPStatus.OK if report.ok else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, content_type=_JSON, body=report.encode())
        else:
            body = Report(ok=False, why="not here: ask /metrics, /healthz or /readyz").encode()
            self._answer(HTTPStatus.NOT_FOUND, content_type=_JSON, body=body)

    do_HEAD = do_GET  # noqa: N815 - the base class names it

    def _answer(self, status: HTTPStatus, *, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing: probes come every few seconds."""
