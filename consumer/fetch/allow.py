"""Turns the allow-lists of the settings into yes or no for one bucket and key, or one host and port."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, Self

from consumer.errors import SettingsError
from consumer.fetch.uris import OBJECT_SCHEMES

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_STORE: Final = re.compile(r"([a-z0-9]+)://([A-Za-z0-9][A-Za-z0-9._-]*)(?:/(.*))?", re.DOTALL)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\\\s]+)(?::([0-9]{1,5}))?")
_HOST_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


@dataclass(frozen=True, slots=True)
class StorePrefix:
    """One allowed part of an object store; `prefix` is a whole number of path segments, or empty."""

    scheme: str
    bucket: str
    prefix: str

    def allows(self, scheme: str, bucket: str, key: str) -> bool:
        """Say whether the key is the prefix itself or lies below it: `masters` does not allow `masters2`."""
        if (scheme, bucket) != (self.scheme, self.bucket):
            return False
        return not self.prefix or key == self.prefix or key.startswith(self.prefix + "/")


@dataclass(frozen=True, slots=True)
class StoreAllowList:
    """The allowed parts of object stores."""

    prefixes: tuple[StorePrefix, ...]

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> Self:
        """Read `s3://bucket` or `gs://bucket/masters/`.

        Raises
        ------
        SettingsError
            An entry is not of this form.
        """
        return cls(tuple(_store_prefix(entry) for entry in entries))

    def allows(self, scheme: str, bucket: str, key: str) -> bool:
        """Say whether any entry allows the object."""
        return any(prefix.allows(scheme, bucket, key) for prefix in self.prefixes)


@dataclass(frozen=True, slots=True)
class HostAllowList:
    """The allowed web servers, as (host, port); a null port stands for the scheme's own."""

    hosts: frozenset[tuple[str, int | None]]

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> Self:
        """Read `host`, `host:port` or `[address]:port`; names may be written in Unicode.

        Raises
        ------
        SettingsError
            An entry is not of this form.
        """
        return cls(frozenset(_host(entry) for entry in entries))

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Say whether any entry allows the server; `host` is in the spelling of `normal_host`."""
        if (host, port) in self.hosts:
            return True
        return port == DEFAULT_PORTS[scheme] and (host, None) in self.hosts


def normal_host(host: str) -> str | None:
    """Give an ASCII host in one spelling: lower case, no final dot; null where it is malformed."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        name = host.lower().removesuffix(".")
        return name if len(name) < 254 and _HOST_NAME.fullmatch(name) else None


def _store_prefix(entry: str) -> StorePrefix:
    match = _STORE.fullmatch(entry)
    if match is None or match[1] not in OBJECT_SCHEMES:
        raise SettingsError(
            f"bad setting: fetch.object_stores: entry={entry!r} must read s3://bucket/prefix (or gs, az)"
        )
    prefix = (match[3] or "").removesuffix("/")
    if prefix and any(segment in {"", ".", ".."} for segment in prefix.split("/")):
        raise SettingsError(
            f"bad setting: fetch.object_stores: entry={entry!r} has an empty, '.' or '..' segment; remove it"
        )
    return StorePrefix(match[1], match[2], prefix)


def _host(entry: str) -> tuple[str, int | None]:
    match = _HOST.fullmatch(entry)
    host = normal_host(_ascii(match[1])) if match else None
    port = int(match[2]) if match and match[2] else None
    if host is None or (port is not None and not 0 < port < 65_536):
        raise SettingsError(f"bad setting: fetch.http_hosts: entry={entry!r} must read host or host:port")
    return host, port


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    import idna  # noqa: PLC0415 - the web client's own IDNA rules, needed by few

    try:
        return idna.encode(host.lower()).decode()
    except idna.IDNAError:
        return ""
