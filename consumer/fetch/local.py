"""Turns a `file:` location into the opened file itself, if it really lies below an allowed folder."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from consumer.errors import (
    AudioNotFoundError,
    FetchDeniedError,
    FetchError,
    FetchFailedError,
    FetchUnavailableError,
)
from consumer.fetch.spool import too_large
from consumer.fetch.uris import FileLocation, refused, shown

_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})
# A path component, or the file, that is a link now though its resolved path held none: it was swapped.
_SWAPPED: Final = frozenset({errno.ELOOP, errno.EMLINK})
_SWAPPED_WORDS: Final = "a link was swapped for something else, or the reverse, while it was opened"

_FOLDER_FLAGS: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
# A FIFO or a terminal that takes the file's place after the check can then neither block nor adopt us.
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def open_local(
    location: FileLocation, *, uri: str, roots: tuple[Path, ...], max_bytes: int
) -> tuple[BinaryIO, int]:
    """Open the file without copying it.

    Links are resolved first and the result must lie below a root. The file is then reached from that root one
    component at a time, no link followed, so that swapping a component for a link meanwhile gains nothing.

    Returns
    -------
    file : BinaryIO
        Open for reading, seekable, with a descriptor.
    size_bytes : int
        Its size when it was opened.

    Raises
    ------
    ForbiddenUriError
        The file does not lie below a root; said whether or not it exists.
    AudioNotFoundError, FetchDeniedError, FetchFailedError, AudioTooLargeError, FetchUnavailableError
        It is absent, unreadable, not a regular file, too large, or the file system fails.
    """
    real_roots = [os.path.realpath(os.fsencode(root)) for root in roots]
    for path in location.paths:
        real = _resolved(path, uri=uri)
        root = next((root for root in real_roots if _is_below(real, root)), None)
        if root is None:
            raise refused(uri, "it lies below none of fetch.file_roots (worker --file-root)")
        try:
            descriptor = _open_below(root, real)
        except OSError as exc:
            if exc.errno not in _ABSENT:
                raise _translated(exc, uri) from exc
            continue
        return _checked(descriptor, uri=uri, max_bytes=max_bytes)
    raise AudioNotFoundError(f"no such file: uri={shown(uri)}")


def _resolved(path: bytes, *, uri: str) -> bytes:
    try:
        return os.path.realpath(path)
    except OSError as exc:  # between being seen and being read, a link vanished or became a file
        raise refused(uri, _SWAPPED_WORDS) from exc


def _is_below(path: bytes, root: bytes) -> bool:
    return path.startswith(root.rstrip(b"/") + b"/")


def _open_below(root: bytes, path: bytes) -> int:
    *folders, name = path[len(root.rstrip(b"/")) + 1 :].split(b"/")
    folder = os.open(root, _FOLDER_FLAGS)
    try:
        for component in folders:
            inner = os.open(component, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Looked at before it is opened: opening a device may already act on it.
        _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False))
        return os.open(name, _FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def _checked(descriptor: int, *, uri: str, max_bytes: int) -> tuple[BinaryIO, int]:
    try:
        status = os.fstat(descriptor)
        _require_regular(status)
        if status.st_size > max_bytes:
            raise too_large(shown_uri=shown(uri), size_bytes=status.st_size, max_bytes=max_bytes)
        return os.fdopen(descriptor, "rb"), status.st_size
    except OSError as exc:
        os.close(descriptor)
        raise _translated(exc, uri) from exc
    except FetchError:
        os.close(descriptor)
        raise


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def _translated(error: OSError, uri: str) -> FetchError:
    if error.errno in _DENIED:
        return FetchDeniedError(
            f"file cannot be read: uri={shown(uri)}: {error.strerror}; grant the worker read access"
        )
    if error.errno in _SWAPPED:
        return refused(uri, _SWAPPED_WORDS)
    if error.errno == errno.EINVAL:
        return FetchFailedError(
            f"not a regular file: uri={shown(uri)}; folders, devices and pipes are not audio"
        )
    return FetchUnavailableError(f"file system fails: uri={shown(uri)}: {error.strerror}; look at its mount")
