"""Turns a running worker's answer to `/healthz` or `/readyz` into a verdict, for images and people."""

from __future__ import annotations

import http.client
import ipaddress
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from consumer.config import Settings
from consumer.errors import SettingsError

PATHS: Final = {"ready": "/readyz", "health": "/healthz"}
_MOST_BYTES: Final = 64 * 1024
"""An answer of ours has a few hundred; a stranger on the port may send anything."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe found.

    Attributes
    ----------
    ok : bool
        Whether the worker answered that all is well.
    why : str
        The worker's own words, or what kept it from answering.
    details : dict
        The figures behind the answer.
    """

    ok: bool
    why: str
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give the object that `probe --json` prints."""
        return {"ok": self.ok, "why": self.why, **self.details}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a worker's probes are asked."""

    host: str
    port: int


def address_of(settings: Settings, *, port: int | None = None) -> Address:
    """Find a worker of these settings on this machine.

    Parameters
    ----------
    settings : Settings
        The worker's own: host, port and slot.
    port : int, optional
        Where it is known better.

    Raises
    ------
    SettingsError
        The settings leave the port to chance.
    """
    serve = settings.serve
    if port is None and not serve.port:
        raise SettingsError("the worker takes any free port: serve.port=0; name the one it took with --port")
    return Address(_reachable(serve.host), port or serve.port + settings.kafka.slot)


def ask(what: str, *, address: Address, timeout_seconds: float) -> Verdict:
    """Ask a worker; whatever goes wrong is a verdict, not an error.

    Parameters
    ----------
    what : {"ready", "health"}
        The question.
    address : Address
        Whom.
    timeout_seconds : float
        For the connection and for each read, seconds.
    """
    connection = http.client.HTTPConnection(address.host, address.port, timeout=timeout_seconds)
    try:
        connection.request("GET", PATHS[what])
        answer = connection.getresponse()
        return _verdict(answer.status, answer.read(_MOST_BYTES))
    except (OSError, http.client.HTTPException) as exc:
        where = f"host={address.host} port={address.port}"
        return Verdict(ok=False, why=f"no worker answers: {where}: {str(exc) or type(exc).__name__}")
    finally:
        connection.close()


def _verdict(status: int, body: bytes) -> Verdict:
    try:
        said = json.loads(body)
        why, details = str(said.pop("why")), said
        details.pop("ok", None)
    except (ValueError, KeyError, AttributeError, TypeError):
        return Verdict(ok=False, why=f"this is no genrestream worker: status={status}")
    return Verdict(ok=status == HTTPStatus.OK, why=why, details=details)


def _reachable(host: str) -> str:
    """Give the address by which this machine reaches what listens on `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
