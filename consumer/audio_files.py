"""Turns paths that a person named into audio files, and those into upload events."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from consumer.errors import AudioNotFoundError, FetchError
from consumer.events import TrackUploaded

SUFFIXES: Final = frozenset(
    (
        *(".aac", ".aif", ".aifc", ".aiff", ".alac", ".ape", ".caf", ".flac", ".m4a", ".m4b", ".mka"),
        *(".mp2", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".wave", ".webm", ".wma", ".wv"),
    )
)
"""What a walk through a folder takes for audio; a file that is named itself is taken, whatever its name."""

_MAX_TRACK_ID_LENGTH: Final = 1_024  # characters, as the wire contract has it


@dataclass(frozen=True, slots=True)
class Found:
    """One file to label, as it was named or found; `error` says why there is nothing to label."""

    path: Path
    error: FetchError | None = None


def find_audio(paths: Sequence[Path]) -> list[Found]:
    """Walk folders in the order of names, hidden files and folders left out; keep files as they are named.

    A path that does not exist, and a folder without audio, is one entry with an error. A file that is named
    or found twice is kept once.
    """
    found: dict[Path, Found] = {}
    for path in paths:
        for entry in _look_at(path):
            found.setdefault(Path(os.path.normpath(entry.path)), entry)
    return list(found.values())


def _look_at(path: Path) -> Iterator[Found]:
    if not path.is_dir():
        missing = not path.exists()
        yield Found(path, AudioNotFoundError("no such file or folder") if missing else None)
        return
    files = list(_walk(path))
    yield from (Found(file) for file in files)
    if not files:
        yield Found(path, AudioNotFoundError("the folder holds no audio files"))


def _walk(folder: Path) -> Iterator[Path]:
    # os.walk follows no links to folders, so that a loop of links ends; links to files are taken.
    for name, folders, files in os.walk(folder):
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        for file in sorted(files):
            if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES:
                yield Path(name, file)


def shown(path: Path) -> str:
    """Give a path as text that can be written anywhere, whatever bytes its name holds."""
    return os.fsencode(path).decode("utf-8", "replace")


def upload_of(
    path: Path, *, track_id: str | None = None, declared_genre: str | None = None, now: datetime | None = None
) -> TrackUploaded:
    """Describe a local file as a fresh upload under a `file:` URI.

    Parameters
    ----------
    path : Path
        Any path; symbolic links are resolved, so that the URI lies where the file does.
    track_id : str, optional
        The absolute path where null.
    declared_genre : str, optional
        What the publisher calls it.
    now : datetime, optional
        When it was uploaded; this moment where null.
    """
    real = path.resolve()
    return upload(
        real.as_uri(),
        track_id=track_id or shown(real),
        declared_genre=declared_genre,
        content_type=mimetypes.guess_type(real.name)[0],
        now=now,
    )


def upload(
    uri: str,
    *,
    track_id: str | None = None,
    declared_genre: str | None = None,
    content_type: str | None = None,
    now: datetime | None = None,
) -> TrackUploaded:
    """Describe what lies under a URI as a fresh upload; the URI is the track's id where none is given."""
    wanted = track_id or uri
    fits = len(wanted) <= _MAX_TRACK_ID_LENGTH
    return TrackUploaded(
        event_id=str(uuid.uuid4()),
        track_id=wanted if fits else f"sha256:{hashlib.sha256(wanted.encode()).hexdigest()}",
        audio_uri=uri,
        uploaded_at=now or datetime.now(UTC),
        content_type=content_type,
        declared_genre=declared_genre,
    )
