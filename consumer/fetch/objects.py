"""Turns an object of S3, Google Cloud Storage or Azure into spooled bytes, by ranged reads of one version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

import obstore
from obstore import exceptions

from consumer.config import FetchSettings
from consumer.errors import (
    AudioNotFoundError,
    FetchDeniedError,
    FetchError,
    FetchFailedError,
)
from consumer.fetch.object_stores import Store, connect
from consumer.fetch.retries import Cause, FetchInterruptedError
from consumer.fetch.transfer import Transfer

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

_CHUNK_BYTES: Final = 256 * 1024  # what a read holds in memory; larger ones are no faster
_STATUS: Final = re.compile(r"status code: (\d{3})")
_THROTTLED: Final = re.compile(r"SlowDown|Throttl|TooManyRequests|RequestLimitExceeded|ServerBusy")
_HOST_STYLES: Final = ("virtual_hosted_style_request", "s3_express")
"""Options with which requests do not hold the bucket in their path."""


class ObjectReader:
    """Reads objects; clients are kept by bucket.

    Its own retries are off: they know neither the track's deadline nor how much has arrived.
    Use from one thread and one event loop. No method follows a fork: the client's threads do not survive it.
    """

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._options = {name: secret.get_secret_value() for name, secret in settings.store_options.items()}
        self._stores: dict[tuple[str, str], Store] = {}

    async def resume(self, scheme: str, bucket: str, key: str, *, transfer: Transfer) -> None:
        """Read on from where the transfer stands until the object is whole.

        Raises
        ------
        AudioNotFoundError, FetchDeniedError, FetchFailedError, AudioTooLargeError
            Another attempt will not change it.
        FetchInterruptedError
            Another attempt may.
        SettingsError
            `fetch.store_options` are not understood.
        """
        store, path = self._address(scheme, bucket, key, shown_uri=transfer.shown_uri)
        while not transfer.complete:
            with _translated(transfer):
                await self._read_part(store, path, transfer=transfer)

    async def _read_part(self, store: Store, path: str, *, transfer: Transfer) -> None:
        start = transfer.offset
        options: GetOptions = {"range": (start, start + self._settings.part_bytes)}
        if transfer.validator is not None:
            options["if_match"] = transfer.validator
        try:
            result = await obstore.get_async(store, path, options=options)
        except exceptions.GenericError as exc:
            if start or _status(exc) != 416:
                raise
            await self._begin_empty(store, path, transfer=transfer)
            return
        _pin(transfer, result)
        async for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
            transfer.spool.write(chunk)
        if transfer.offset == start:
            raise transfer.cut("the store sent no bytes")

    async def _begin_empty(self, store: Store, path: str, *, transfer: Transfer) -> None:
        # An empty object has no first byte, so stores refuse the range; HEAD tells it from other trouble.
        meta = await obstore.head_async(store, path)
        if meta["size"]:
            raise transfer.replaced()
        transfer.begin(validator=meta["e_tag"], total_bytes=0, content_type=None)

    def _address(self, scheme: str, bucket: str, key: str, *, shown_uri: str) -> tuple[Store, str]:
        """Give the client and its name for the object.

        The client drops a slash at either end of a key and refuses two in a row: it would read another
        object, or none. So what stands before the last slash goes where it takes the bucket's name as it is.
        """
        segments = key.split("/")
        if "" not in segments:
            return self._store(scheme, bucket), key
        if not self._puts_bucket_in_path() or not {".", ".."}.isdisjoint(segments):
            raise FetchFailedError(
                f"object store client cannot address this key: uri={shown_uri}: it holds an empty segment "
                "where the bucket is part of the host's name, or dots; rename the object"
            )
        folder, _, name = key.rpartition("/")
        place = f"{bucket}/{quote(folder, safe='/')}"
        return connect(self._settings, scheme=scheme, bucket=place), name

    def _puts_bucket_in_path(self) -> bool:
        options = {name.lower().removeprefix("aws_"): value for name, value in self._options.items()}
        styles = [options.get(name) or os.environ.get(f"AWS_{name.upper()}", "") for name in _HOST_STYLES]
        return not any(style.lower() not in {"", "0", "f", "false", "n", "no", "off"} for style in styles)

    def _store(self, scheme: str, bucket: str) -> Store:
        if (scheme, bucket) not in self._stores:
            self._stores[scheme, bucket] = connect(self._settings, scheme=scheme, bucket=bucket)
        return self._stores[scheme, bucket]


def _pin(transfer: Transfer, result: GetResult) -> None:
    size_bytes, e_tag = result.meta["size"], result.meta["e_tag"]
    start = transfer.offset
    if result.range[0] != start:
        raise transfer.cut(f"asked for bytes from {start}, got them from {result.range[0]}")
    if start == 0:
        content_type = cast("dict[str, Any]", result.attributes).get("Content-Type")
        transfer.begin(validator=e_tag, total_bytes=size_bytes, content_type=content_type)
    elif (size_bytes, e_tag) != (transfer.total_bytes, transfer.validator):
        raise transfer.replaced()


@contextmanager
def _translated(transfer: Transfer) -> Iterator[None]:
    uri = transfer.shown_uri
    try:
        yield
    except FileNotFoundError as exc:
        raise AudioNotFoundError(f"no such object: uri={uri}") from exc
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as exc:
        raise FetchDeniedError(
            f"object store refuses access: uri={uri}; grant the worker's credentials read access"
        ) from exc
    except exceptions.PreconditionError as exc:
        raise transfer.replaced() from exc
    except (exceptions.BaseError, ValueError) as exc:
        raise _judged(exc, uri) from exc


def _judged(error: Exception, uri: str) -> FetchError:
    """Tell trouble that passes from trouble that stays, by the client's text, which is never repeated."""
    status = _status(error)
    text = str(error)
    if isinstance(error, ValueError | exceptions.InvalidPathError):
        return FetchFailedError(f"object store client cannot address this key: uri={uri}; rename the object")
    if "kind: Builder" in text:
        return FetchFailedError(
            f"object store client can make no request: uri={uri}; correct the endpoint, which may need https"
        )
    if "non-partial response" in text:
        return FetchFailedError(f"object store ignores ranged reads: uri={uri}; use one that honours them")
    if status in {429, 503} or _THROTTLED.search(text):
        return _interruption(f"object store throttles: uri={uri}, status={status}", "throttled")
    if status == 408 or "TimedOut" in text or "kind: Timeout" in text:
        return _interruption(f"object store stalls: uri={uri}", "timeout")
    if status is not None and status >= 500:
        return _interruption(f"object store fails: uri={uri}, status={status}", "server_error")
    if status is not None:
        return FetchFailedError(f"object store refuses the request: uri={uri}, status={status}")
    return _interruption(f"object store cannot be reached or cut the connection: uri={uri}", "connection")


def _interruption(message: str, cause: Cause) -> FetchInterruptedError:
    return FetchInterruptedError(f"{message}; look at the store's health and its endpoint", cause=cause)


def _status(error: Exception) -> int | None:
    match = _STATUS.search(str(error))
    return int(match[1]) if match else None
