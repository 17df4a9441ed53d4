"""Turns a prefix in an object store into a folder of small files: listed, read and written whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import obstore
from obstore import exceptions

from consumer.config import FetchSettings
from consumer.errors import FetchDeniedError, FetchError, FetchUnavailableError
from consumer.fetch.object_stores import connect

_RETRIES: Final = 2
"""Beyond the first try; whoever asks again and again, as a watcher does, needs no more."""


class ObjectFolder:
    """A prefix of a bucket. Calls block; any thread may make them.

    Parameters
    ----------
    url : str
        `s3://bucket/prefix`, or gs, az.
    settings : FetchSettings
        Options of the store's client, and the longest time of one call.

    Raises
    ------
    SettingsError
        `fetch.store_options` are not understood.
    """

    def __init__(self, url: str, *, settings: FetchSettings) -> None:
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.partition("/")
        self.url = url.rstrip("/")
        self._prefix = prefix.strip("/")
        self._store = connect(settings, scheme=scheme, bucket=bucket, max_retries=_RETRIES)

    def folders(self, path: str = "") -> list[str]:
        """Name the folders directly below a path, sorted.

        Raises
        ------
        FetchError
            The store cannot be reached, or refuses.
        """
        with self._translated(path):
            found = obstore.list_with_delimiter(self._store, prefix=self._key(path) or None)
        return sorted(prefix.rstrip("/").rpartition("/")[2] for prefix in found["common_prefixes"])

    def read(self, path: str) -> bytes | None:
        """Read an object; None where there is none.

        Raises
        ------
        FetchError
            The store cannot be reached, or refuses.
        """
        with self._translated(path):
            try:
                return bytes(obstore.get(self._store, self._key(path)).bytes())
            except FileNotFoundError:
                return None

    def write(self, path: str, body: bytes) -> None:
        """Write an object, or replace it: a reader sees the old one or the new one.

        Raises
        ------
        FetchError
            The store cannot be reached, or refuses.
        """
        with self._translated(path):
            # In one request, not in parts: these files are small, and some stores know no parts.
            obstore.put(self._store, self._key(path), body, use_multipart=False)

    def _key(self, path: str) -> str:
        return "/".join(part for part in (self._prefix, path) if part)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        where = f"{self.url}/{path}".rstrip("/")
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
            raise FetchDeniedError(
                f"object store refuses access: url={where}; grant these credentials access to the prefix"
            ) from exc
        except FileNotFoundError as exc:
            raise FetchError(f"no such bucket: url={where}; create it or correct the setting") from exc
        except (exceptions.BaseError, ValueError) as exc:
            raise FetchUnavailableError(
                f"object store cannot be used: url={where}; look at its health and its endpoint"
            ) from exc
