"""Turns each track's features into a record of one growing file beside the table, so that a run can go on.

The file begins with a line that names it. A record is its length and CRC-32 (little-endian uint32 both), one
line of JSON (`key`, `n` windows, `warnings`) and n rows of float32. A record that was cut by the end of the
process that wrote it, and all after it, is cut off when the file is opened again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from featurizer.spec import FeatureSpec
from training.errors import OutputError
from training.featurizing.track import TrackFeatures
from training.featurizing.walk import Track

_HEAD: Final = b"genrestream feature parts, 1\n"
_FRAME: Final = struct.Struct("<II")


class Parts:
    """The tracks that are done, by file and content; a context manager. One thread, one process a file.

    Parameters
    ----------
    path : Path
        The file; made where it is not there.
    spec : FeatureSpec
        What is computed. Parts of another spec stay unused.

    Raises
    ------
    OutputError
        It cannot be written, is no such file, or another process holds it.
    """

    def __init__(self, path: Path, *, spec: FeatureSpec) -> None:
        self._path = path
        self._spec = spec
        self._places: dict[str, int] = {}
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise OutputError(f"the parts cannot be written, path={path}: {exc.strerror}") from exc
        self._file = os.fdopen(handle, "r+b")
        try:
            self._hold()
            self._end = self._scan()
            self._file.truncate(self._end)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __contains__(self, track: Track) -> bool:
        return self._key(track) in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, track: Track, features: TrackFeatures) -> None:
        """Keep what a track gave; what was kept survives this process's death.

        Raises
        ------
        OutputError
            It cannot be written; what was kept before stays.
        """
        key = self._key(track)
        line = {"key": key, "n": len(features.features), "warnings": features.warnings}
        values = np.ascontiguousarray(features.features, dtype="<f4").tobytes()
        body = json.dumps(line).encode() + b"\n" + values
        try:
            self._file.seek(self._end)
            self._file.write(_FRAME.pack(len(body), zlib.crc32(body)) + body)
            self._file.flush()
        except OSError as exc:
            raise OutputError(f"the parts cannot be written, path={self._path}: {exc.strerror}") from exc
        self._places[key] = self._end
        self._end += _FRAME.size + len(body)

    def features_of(self, track: Track) -> TrackFeatures:
        """Read what a track gave.

        Raises
        ------
        KeyError
            It is not done.
        """
        self._file.seek(self._places[self._key(track)])
        body = self._body()
        line, values = _divide(b"" if body is None else body)
        features = np.frombuffer(values, dtype="<f4").astype(np.float32)
        return TrackFeatures(features.reshape(line["n"], self._spec.width), tuple(line["warnings"]))

    def remove(self) -> None:
        """Delete the file: what was made of it is whole."""
        self._path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all that was kept."""
        self._places.clear()
        self._end = len(_HEAD)
        self._file.truncate(self._end)

    def _hold(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise OutputError(f"another run writes this table: parts={self._path}") from exc

    def _scan(self) -> int:
        head = self._file.read(len(_HEAD))
        if head != _HEAD:
            if not _HEAD.startswith(head):
                raise OutputError(
                    f"another file is where the parts are kept, path={self._path}: move it away"
                )
            self._file.seek(0)
            self._file.write(_HEAD)
            return len(_HEAD)
        end = len(_HEAD)
        while (body := self._body()) is not None:
            self._places[_divide(body)[0]["key"]] = end
            end += _FRAME.size + len(body)
        return end

    def _body(self) -> bytes | None:
        frame = self._file.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return None
        length, check = _FRAME.unpack(frame)
        body = self._file.read(length)
        return body if len(body) == length and zlib.crc32(body) == check else None

    def _key(self, track: Track) -> str:
        told = json.dumps([track.place, track.size_bytes, track.changed_ns, self._spec.fingerprint])
        return hashlib.sha256(told.encode()).hexdigest()


def _divide(body: bytes) -> tuple[dict[str, Any], bytes]:
    line, _, values = body.partition(b"\n")
    return json.loads(line), values
