"""Turns a path or a binary file object into one source of bytes that decoders read one after another."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

AudioFile = BinaryIO | str | os.PathLike[str]
"""A path, or a seekable binary file object that is open for reading."""


class Source:
    """Random access to a file's bytes, whatever the file is.

    The caller's file object keeps its position where it is a real file; any other object's position is
    undefined afterwards. One thread at a time; reading may block.

    Parameters
    ----------
    file : AudioFile
        A path is opened here and closed by `close`; a file object stays open.

    Attributes
    ----------
    size_bytes : int
    descriptor : int or None
        The operating system's file descriptor where there is one that holds these very bytes.

    Raises
    ------
    OSError
        When the path cannot be opened or the file cannot be read.
    """

    def __init__(self, file: AudioFile) -> None:
        self._opened: BinaryIO | None = None
        if isinstance(file, str | os.PathLike):
            file = self._opened = Path(file).open("rb")  # noqa: SIM115 - closed by close()
        self._failure: Exception | None = None
        self.descriptor = _descriptor(file)
        if self.descriptor is None:
            self._fetch: Callable[[int, int], bytes] = _fetch_from_object(file)
            self.size_bytes = file.seek(0, os.SEEK_END)
        else:
            self._fetch = _fetch_from_descriptor(self.descriptor)
            self.size_bytes = os.fstat(self.descriptor).st_size
            self._position = os.lseek(self.descriptor, 0, os.SEEK_CUR)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file where it was opened here, else restore its position. Nothing is read afterwards."""
        if self._opened is not None:
            self._opened.close()
        elif self.descriptor is not None:
            # libsndfile moves it behind the back of Python's buffer.
            os.lseek(self.descriptor, self._position, os.SEEK_SET)

    def read_at(self, offset: int, n_bytes: int) -> bytes:
        """Bytes from `offset` on; fewer than `n_bytes` only at the file's end."""
        return self._fetch(offset, n_bytes)

    def reader(self, *, start: int = 0) -> SourceReader:
        """Make a file object over the source from byte `start` on, with a position of its own."""
        return SourceReader(self, start=start)

    def read_or_note(self, offset: int, n_bytes: int) -> bytes:
        """Read as `read_at` does, but keep an error for `raise_failure` and give no bytes.

        An exception cannot pass through a C library: soundfile prints and forgets it, and the file would
        seem to end.
        """
        try:
            return self._fetch(offset, n_bytes)
        except Exception as error:  # noqa: BLE001 - the file object may be anyone's; raised again below
            self._failure = error
            return b""

    def raise_failure(self) -> None:
        """Raise what went wrong while a library was reading, unchanged: the file's error, not the audio's."""
        if self._failure is not None:
            raise self._failure


class SourceReader(io.RawIOBase):
    """A file object over a `Source` for libraries that want one.

    Parameters
    ----------
    source : Source
    start : int
        Bytes of the source that are left out before the file object's first.
    """

    def __init__(self, source: Source, *, start: int) -> None:
        super().__init__()
        self._source = source
        self._start = start
        self._size_bytes = max(source.size_bytes - start, 0)
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, all that are left where it is negative; fewer only at the end."""
        left = max(self._size_bytes - self._position, 0)
        offset = self._start + self._position
        data = self._source.read_or_note(offset, left if size < 0 else min(size, left))
        self._position += len(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # soundfile passes a cffi buffer
        """Fill `buffer` as far as the file goes, and say how far that was."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the start, the present position or the end, never before the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size_bytes}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._position


def _descriptor(file: BinaryIO) -> int | None:
    """Descriptor of a real file; None for others, whose `fileno` may lead elsewhere (gzip, spooled)."""
    # NamedTemporaryFile returns a wrapper that is no file itself.
    inner = file.file if isinstance(file, tempfile._TemporaryFileWrapper) else file
    raw = inner.raw if isinstance(inner, io.BufferedReader | io.BufferedRandom) else inner
    if not isinstance(raw, io.FileIO):
        return None
    if inner.writable():
        inner.flush()
    return raw.fileno()


def _fetch_from_descriptor(descriptor: int) -> Callable[[int, int], bytes]:
    def fetch(offset: int, n_bytes: int) -> bytes:
        return os.pread(descriptor, n_bytes, offset)

    return fetch


def _fetch_from_object(file: BinaryIO) -> Callable[[int, int], bytes]:
    def fetch(offset: int, n_bytes: int) -> bytes:
        file.seek(offset)
        parts = []
        while n_bytes > 0 and (part := file.read(n_bytes)):
            parts.append(part)
            n_bytes -= len(part)
        return b"".join(parts)

    return fetch
