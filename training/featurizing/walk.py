"""Turns a folder of music, laid out by genre, into tracks to featurize and names of what cannot be one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.errors import DataError

SUFFIXES: Final = frozenset(
    (
        *(".aac", ".aif", ".aifc", ".aiff", ".alac", ".ape", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka"),
        *(".mp2", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".snd", ".wav", ".wave", ".webm", ".wma", ".wv"),
    )
)
"""What a walk takes for audio. The decoder then goes by the contents, not by the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One file of audio with its label.

    Attributes
    ----------
    path : Path
        Where it lies.
    place : str
        Its path below the folder, as text that can be written anywhere.
    name : str
        `genre.rest`, unique in the folder, without the suffix.
    genre : str
        Its label.
    size_bytes, changed_ns : int
        Length and time of last change (nanoseconds since 1970): they tell whether it was changed.
    """

    path: Path
    place: str
    name: str
    genre: str
    size_bytes: int
    changed_ns: int

    @property
    def extension(self) -> str:
        """The suffix of the file without its dot, in lower case."""
        return self.path.suffix[1:].lower()


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that gave nothing: where it lies below the folder, a stable word, and one line that says why."""

    place: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Walk:
    """What lies in a folder.

    Attributes
    ----------
    tracks : tuple of Track
        In the order of their names.
    bad : tuple of BadFile
        Audio that cannot be a track of the table.
    n_others : int
        Files that have no suffix of audio.
    """

    tracks: tuple[Track, ...]
    bad: tuple[BadFile, ...]
    n_others: int


def walk(folder: Path, *, genres: frozenset[str] | None = None) -> Walk:
    """Find the tracks below a folder.

    A track's genre is the first folder that it lies in (`rock/rock.00000.wav`, `rock/album/01.flac`), or,
    where it lies in none, its name up to the first dot (`rock.00000.wav`). Hidden files and folders are left
    out, links are followed.

    Parameters
    ----------
    folder : Path
        Where to look.
    genres : frozenset of str, optional
        Only these are wanted; all where it is None.

    Raises
    ------
    DataError
        The folder is not there, holds no audio, or lacks a genre that is wanted.
    """
    if not folder.is_dir():
        raise DataError(f"the folder of audio is not there, path={folder}")
    tracks: dict[str, Track] = {}
    bad: list[BadFile] = []
    n_others = 0
    for path in _files(folder, bad=bad):
        if path.suffix.lower() not in SUFFIXES:
            n_others += 1
            continue
        found = _look_at(path, folder=folder)
        if isinstance(found, Track) and found.name in tracks:
            first = tracks[found.name].place
            found = BadFile(found.place, "same_name", f"another file is this track already: {first}")
        if isinstance(found, BadFile):
            bad.append(found)
        else:
            tracks[found.name] = found
    if not tracks and not bad:
        raise DataError(f"the folder holds no audio, path={folder} other_files={n_others}")
    found_genres = {track.genre for track in tracks.values()}
    lacking = sorted((genres or frozenset()) - found_genres)
    if lacking:
        raise DataError(
            f"the folder lacks genres, path={folder} lacking={', '.join(lacking)} "
            f"found={', '.join(sorted(found_genres))}"
        )
    wanted = (track for track in tracks.values() if genres is None or track.genre in genres)
    return Walk(tuple(sorted(wanted, key=lambda track: track.name)), tuple(bad), n_others)


def _files(folder: Path, *, bad: list[BadFile]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        place = writable(os.path.relpath(error.filename, folder))
        bad.append(BadFile(place, "unreadable_folder", error.strerror or str(error)))

    seen: set[tuple[int, int]] = set()
    # A data set often is a folder of links; a loop of them ends at the first folder that was seen.
    for name, folders, files in os.walk(folder, followlinks=True, onerror=note):
        identity = Path(name).stat()
        if (identity.st_dev, identity.st_ino) in seen:
            folders[:] = []
            continue
        seen.add((identity.st_dev, identity.st_ino))
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        yield from (Path(name, file) for file in sorted(files) if not file.startswith("."))


def _look_at(path: Path, *, folder: Path) -> Track | BadFile:
    inside = path.relative_to(folder)
    place = writable(inside.as_posix())
    try:
        found = path.stat()
    except OSError as exc:
        return BadFile(place, "unreadable_file", exc.strerror or str(exc))
    if not stat.S_ISREG(found.st_mode):
        return BadFile(place, "no_regular_file", "a pipe, socket or device is not read")
    genre, name = _label(inside)
    if not genre:
        return BadFile(place, "no_genre", "it lies in no genre's folder and is not named genre.rest")
    return Track(
        path=path,
        place=place,
        name=writable(name),
        genre=writable(genre),
        size_bytes=found.st_size,
        changed_ns=found.st_mtime_ns,
    )


def _label(inside: Path) -> tuple[str, str]:
    if len(inside.parts) == 1:
        genre, dot, rest = inside.stem.partition(".")
        return (genre, inside.stem) if dot and rest else ("", "")
    genre = inside.parts[0]
    rest = Path(*inside.parts[1:]).with_suffix("").as_posix()
    return genre, rest if rest.startswith(f"{genre}.") else f"{genre}.{rest}"


def writable(text: str) -> str:
    """Spell a path so that any table, terminal and encoding can hold it: `%` and two digits a byte.

    Bytes that are no UTF-8 and characters that are not printable are spelt so, and `%` itself.
    """
    return "".join(
        letter
        if letter.isprintable() and letter != "%"
        else "".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
        for letter in text
    )
