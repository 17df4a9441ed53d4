"""Turns chunks of bytes into one temporary file that never outgrows its limit."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from consumer.errors import AudioTooLargeError, FetchUnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def too_large(*, shown_uri: str, size_bytes: int, max_bytes: int) -> AudioTooLargeError:
    """Make the error for audio over the limit; `size_bytes` may be where reading stopped."""
    return AudioTooLargeError(
        f"audio is too large: uri={shown_uri}, size_bytes={size_bytes}, fetch.max_bytes={max_bytes}; "
        "raise the limit if such tracks are meant"
    )


class Spool:
    """A temporary file that has no name and goes when it is closed.

    Parameters
    ----------
    folder : Path or None
        Where the file lies; the system's temporary folder where null.
    max_bytes : int
        Limit of its size.
    shown_uri : str
        The URI as messages may show it.

    Raises
    ------
    FetchUnavailableError
        The folder is missing, full or not writable: the machine's trouble, not the track's.
    """

    def __init__(self, folder: Path | None, *, max_bytes: int, shown_uri: str) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._shown_uri = shown_uri
        self.size_bytes = 0
        try:
            self._file = tempfile.TemporaryFile(prefix="genrestream-", dir=folder)  # noqa: SIM115 - closed by close
        except OSError as exc:
            raise self._trouble(exc) from exc

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises
        ------
        AudioTooLargeError
            The file would outgrow its limit.
        FetchUnavailableError
            The disk is full or fails.
        """
        size_bytes = self.size_bytes + len(chunk)
        if size_bytes > self._max_bytes:
            raise too_large(shown_uri=self._shown_uri, size_bytes=size_bytes, max_bytes=self._max_bytes)
        try:
            self._file.write(chunk)
        except OSError as exc:
            raise self._trouble(exc) from exc
        self.size_bytes = size_bytes

    def restart(self) -> None:
        """Forget what was written."""
        self._file.seek(0)
        self._file.truncate()
        self.size_bytes = 0

    def rewind(self) -> BinaryIO:
        """Give the file, complete on disk and at its start; its close is the reader's business from now on.

        Raises
        ------
        FetchUnavailableError
            The disk is full or fails.
        """
        try:
            self._file.seek(0)  # writes out what is buffered
        except OSError as exc:
            raise self._trouble(exc) from exc
        return cast(BinaryIO, self._file)

    def close(self) -> None:
        """Delete the file."""
        try:
            self._file.close()
        except OSError:
            # Closing flushes: a full disk fails here again, and the descriptor is closed all the same.
            return

    def _trouble(self, error: OSError) -> FetchUnavailableError:
        folder = str(self._folder) if self._folder is not None else tempfile.gettempdir()
        what = "spool folder is full" if error.errno in _FULL else f"spool folder fails ({error.strerror})"
        return FetchUnavailableError(
            f"{what}: fetch.spool_dir={folder!r}, written_bytes={self.size_bytes}; "
            "free it or name another folder"
        )
