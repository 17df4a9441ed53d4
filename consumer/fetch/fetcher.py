"""Turns an audio URI of any allowed scheme into a seekable file, within limits of bytes and time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Self

from consumer.config import FetchSettings
from consumer.errors import AudioNotFoundError, FetchTimeoutError
from consumer.events import Spelling
from consumer.fetch.addresses import Resolver
from consumer.fetch.allow import HostAllowList, StoreAllowList
from consumer.fetch.local import open_local
from consumer.fetch.retries import RetryPolicy, repeat
from consumer.fetch.spool import Spool
from consumer.fetch.transfer import Transfer
from consumer.fetch.uris import FileLocation, Location, ObjectLocation, WebLocation, locate, refused, shown

if TYPE_CHECKING:
    from consumer.fetch.objects import ObjectReader
    from consumer.fetch.web import WebReader


@dataclass(frozen=True, slots=True)
class Fetched:
    """Audio that lies on this machine while its `with` block lasts.

    Attributes
    ----------
    file : BinaryIO
        At its start, seekable, with a real descriptor.
    size_bytes : int
        Its size.
    content_type : str or None
        What the server calls it; a hint that nobody should trust.
    """

    file: BinaryIO
    size_bytes: int
    content_type: str | None


class Fetcher:
    """The one door through which audio comes.

    Not thread-safe: one for each decoding child, made there. The clients of object stores and web servers are
    imported when the first URI asks for them, because the object stores' does not survive a fork.

    Parameters
    ----------
    settings : FetchSettings
        Allow-lists and limits.
    clock : callable
        Gives monotonic seconds, of which every `deadline` is a reading.
    on_retry : callable, optional
        Told the cause of each in-process retry: timeout, throttled, server_error, connection or replaced.
    rng : random.Random, optional
        Draws the jitter of waits.
    resolve : callable, optional
        Looks up the addresses of web servers; the system's resolver where null.

    Raises
    ------
    SettingsError
        An allow-list holds an entry that cannot be understood.
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_retry: Callable[[str], None] | None = None,
        rng: random.Random | None = None,
        resolve: Resolver | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._on_retry = on_retry if on_retry is not None else _ignore
        self._rng = rng if rng is not None else random.Random()
        self._resolve = resolve
        self._stores = StoreAllowList.parse(settings.object_stores)
        self._hosts = HostAllowList.parse(settings.http_hosts)
        self._runner: asyncio.Runner | None = None
        self._objects: ObjectReader | None = None
        self._web: WebReader | None = None

    @contextmanager
    def fetch(self, uri: str, *, deadline: float, spelling: Spelling | None = None) -> Iterator[Fetched]:
        """Fetch the audio; blocks until it is whole, and deletes its copy when the block ends.

        Parameters
        ----------
        uri : str
            Of scheme file, s3, gs, az, http or https. A file is opened where it lies, all else is copied.
        deadline : float
            Reading of `clock` at which the track's time is over; the settings' own limit may end it sooner.
        spelling : {"encoded", "literal"}, optional
            The only way to read the URI's path; where null, both are tried (see `locate`).

        Raises
        ------
        ForbiddenUriError
            The settings do not allow the URI, what it redirects to, or the address of its host.
        AudioNotFoundError, FetchDeniedError, AudioTooLargeError, FetchFailedError
            No other attempt would do better.
        FetchTimeoutError, FetchUnavailableError
            It may work later.
        SettingsError
            The options of the object store are not understood.
        """
        ends = min(deadline, self._clock() + self._settings.timeout_seconds)
        fetched = self._fetch(uri, location=locate(uri, spelling=spelling), deadline=ends)
        try:
            yield fetched
        finally:
            fetched.file.close()

    def close(self) -> None:
        """Close the event loop; the next remote fetch opens another."""
        self._objects = self._web = None
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fetch(self, uri: str, *, location: Location, deadline: float) -> Fetched:
        if self._clock() >= deadline:
            raise FetchTimeoutError(
                f"no time is left to fetch audio: uri={shown(uri)}; the track is tried again later"
            )
        match location:
            case FileLocation():
                file, size_bytes = open_local(
                    location, uri=uri, roots=self._settings.file_roots, max_bytes=self._settings.max_bytes
                )
                return Fetched(file, size_bytes, None)
            case ObjectLocation():
                return self._fetch_object(location, uri=uri, deadline=deadline)
            case WebLocation():
                return self._spooled(partial(self._web_reader().resume, uri), uri=uri, deadline=deadline)

    def _fetch_object(self, location: ObjectLocation, *, uri: str, deadline: float) -> Fetched:
        scheme, bucket = location.scheme, location.bucket
        keys = [key for key in location.keys if self._stores.allows(scheme, bucket, key)]
        if not keys:
            raise refused(uri, "its bucket and prefix are not in fetch.object_stores")
        resume = self._object_reader().resume
        try:
            return self._spooled(partial(resume, scheme, bucket, keys[0]), uri=uri, deadline=deadline)
        except AudioNotFoundError:
            if len(keys) == 1:
                raise
        return self._spooled(partial(resume, scheme, bucket, keys[1]), uri=uri, deadline=deadline)

    def _spooled(
        self, resume: Callable[..., Coroutine[None, None, None]], *, uri: str, deadline: float
    ) -> Fetched:
        limits = self._settings
        policy = RetryPolicy(limits.attempts, deadline, self._clock, self._rng, self._on_retry)
        spool = Spool(limits.spool_dir, max_bytes=limits.max_bytes, shown_uri=shown(uri))
        transfer = Transfer(spool, shown_uri=shown(uri), max_bytes=limits.max_bytes)
        try:
            attempt = partial(resume, transfer=transfer)
            self._event_loop().run(repeat(attempt, policy=policy, shown_uri=shown(uri)))
            return Fetched(spool.rewind(), spool.size_bytes, transfer.content_type)
        except BaseException:
            spool.close()
            raise

    def _event_loop(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner

    def _object_reader(self) -> ObjectReader:
        if self._objects is None:
            from consumer.fetch.objects import ObjectReader  # noqa: PLC0415 - never before a fork

            self._objects = ObjectReader(self._settings)
        return self._objects

    def _web_reader(self) -> WebReader:
        if self._web is None:
            from consumer.fetch.web import WebReader  # noqa: PLC0415 - a tenth of a second that few need

            self._web = WebReader(self._settings, hosts=self._hosts, resolve=self._resolve)
        return self._web


def _ignore(_: str) -> None:
    return
