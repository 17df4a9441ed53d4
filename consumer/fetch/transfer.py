"""Turns the answers to several requests for one resource into one whole copy of one version of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from consumer.fetch.retries import FetchInterruptedError
from consumer.fetch.spool import Spool, too_large


@dataclass(slots=True)
class Transfer:
    """What has arrived of one resource, which attempts resume where the one before was cut.

    Attributes
    ----------
    spool : Spool
        The bytes so far; its size is the offset at which to go on.
    shown_uri : str
        The URI as messages may show it.
    validator : str or None
        What tells this version of the resource from others (an ETag or a date); null where unknown.
    total_bytes : int or None
        Size of the whole resource; null where the server does not say.
    """

    spool: Spool
    shown_uri: str
    max_bytes: int
    validator: str | None = field(default=None)
    total_bytes: int | None = field(default=None)
    content_type: str | None = field(default=None)

    @property
    def offset(self) -> int:
        """Bytes that have arrived."""
        return self.spool.size_bytes

    @property
    def complete(self) -> bool:
        """Whether every byte of a resource of known size has arrived."""
        return self.total_bytes is not None and self.offset >= self.total_bytes

    def begin(self, *, validator: str | None, total_bytes: int | None, content_type: str | None) -> None:
        """Note which version is read, from its first byte on.

        Raises
        ------
        AudioTooLargeError
            The resource says that it is over the limit; nothing of it has been read yet.
        """
        self.restart()
        if total_bytes is not None and total_bytes > self.max_bytes:
            raise too_large(shown_uri=self.shown_uri, size_bytes=total_bytes, max_bytes=self.max_bytes)
        self.validator = validator
        self.total_bytes = total_bytes
        self.content_type = content_type

    def restart(self) -> None:
        """Forget everything, so that no two versions are mixed."""
        self.spool.restart()
        self.validator = None
        self.total_bytes = None
        self.content_type = None

    def replaced(self) -> FetchInterruptedError:
        """Forget everything and give the error that says why."""
        self.restart()
        return FetchInterruptedError(
            f"audio was replaced while it was read: uri={self.shown_uri}; upload under a new key instead",
            cause="replaced",
        )

    def cut(self, why: str) -> FetchInterruptedError:
        """Give the error for a body that ended or broke off early."""
        return FetchInterruptedError(
            f"connection was cut: uri={self.shown_uri}, received_bytes={self.offset}, "
            f"total_bytes={self.total_bytes if self.total_bytes is not None else 'unknown'}: {why}; "
            "look at the store's health",
            cause="connection",
        )
