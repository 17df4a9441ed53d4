"""Turns messages between a decoding child and its parent into frames on a socket and back.

The parent never blocks on a child and never runs what a child sends: frames are read as far as they have
arrived, and only the message classes of this module are unpickled. A child that a malicious file has taken
over can send nonsense, which ends its own track.
"""

from __future__ import annotations

import io
import pickle
import select
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from consumer.errors import DecoderCrashedError, DecoderError
from consumer.events import Spelling

_LENGTH: Final = struct.Struct("!I")
_MAX_FRAME_BYTES: Final = 1 << 20
"""Windows travel in small groups and samples in shared memory, so an honest frame stays under 64 KiB."""


@dataclass(frozen=True, slots=True)
class Task:
    """To the child: the windows of `uri` are wanted; fetching may take `fetch_seconds`.

    `spelling` says how to read the URI, as `TrackUploaded.audio_uri_spelling` does. `otherwise` is the URI to
    try next where `uri` cannot be had.
    """

    number: int
    track_id: str
    uri: str
    fetch_seconds: float
    spelling: Spelling | None = None
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """To the child: the parent has read this slab."""

    slab: int


@dataclass(frozen=True, slots=True)
class Enough:
    """To the child: the label of this task's track has settled, no more of its windows are wanted.

    It may arrive when the task has ended, and then says nothing.
    """

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """From the child: warmed up, waiting for a task."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """From the child: the audio is at hand; from here the decoder's own time limit runs.

    `otherwise` says that it was found under the task's other URI.
    """

    number: int
    seconds: float
    size_bytes: int
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Retried:
    """From the child: the fetch begins again because of `cause`."""

    number: int
    cause: str


@dataclass(frozen=True, slots=True)
class Features:
    """From the child: feature vectors of the next windows, `rows` in C order, float32 [count, width]."""

    number: int
    rows: bytes
    count: int


@dataclass(frozen=True, slots=True)
class Shared:
    """From the child: the samples of the next `count` windows lie in a slab."""

    number: int
    slab: int
    count: int


@dataclass(frozen=True, slots=True)
class Finished:
    """From the child: all windows that are wanted of the track were sent.

    `sample_rate` is the source's, in Hz. `windows` holds their numbers in the track, null where they follow
    one another from 0; `stopped` says that `Enough` ended the decoding.
    Beside the seconds on the clock stand those of CPU time, which do not grow while others use the cores.
    """

    number: int
    duration_seconds: float
    codec: str
    sample_rate: int
    warnings: tuple[str, ...]
    decode_seconds: float
    featurize_seconds: float
    fetch_cpu_seconds: float = 0.0
    decode_cpu_seconds: float = 0.0
    featurize_cpu_seconds: float = 0.0
    windows: tuple[int, ...] | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Raised:
    """From the child: an exception ended the track, or the start where `number` is 0."""

    number: int
    error: str
    message: str
    traceback: str


Tell = Callable[[Fetched | Retried], None]
"""Tells the parent what it should know before a task's end."""
FromChild = Ready | Fetched | Retried | Features | Shared | Finished | Raised

_FROM_CHILD: Final[dict[str, type[FromChild]]] = {
    cls.__name__: cls for cls in (Ready, Fetched, Retried, Features, Shared, Finished, Raised)
}


class GarbledError(DecoderCrashedError):
    """A child sent what is no message."""


class LinkClosedError(DecoderError):
    """The parent closed its end: there is nothing more to do."""


class ChildEnd:
    """The child's end: blocks, and trusts its parent."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def send(self, message: FromChild) -> None:
        """Send a message; blocks while the parent is behind.

        Raises
        ------
        LinkClosedError
            The parent is gone.
        """
        try:
            self._link.sendall(_frame(message))
        except OSError as exc:
            raise LinkClosedError("the parent closed the link") from exc

    def receive(self) -> Any:
        """Wait for a message.

        Raises
        ------
        LinkClosedError
            The parent is gone.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        return pickle.loads(self._read(length))  # noqa: S301 - written by our own parent

    def has_message(self) -> bool:
        """Whether `receive` has something to read at once."""
        return bool(select.select([self._link], [], [], 0)[0])

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            try:
                part = self._link.recv(count - len(data))
            except OSError as exc:
                raise LinkClosedError("the parent closed the link") from exc
            if not part:
                raise LinkClosedError("the parent closed the link")
            data += part
        return bytes(data)


class ParentEnd:
    """The parent's end: never waits for the child, and trusts nothing that it sends."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._buffer = bytearray()

    def fileno(self) -> int:
        """Give the descriptor, for a selector."""
        return self._link.fileno()

    def send(self, message: object) -> None:
        """Send a message.

        It is small and the child reads before it works, so the socket's buffer always has room: a child that
        does not read fails the call instead of blocking it.

        Raises
        ------
        OSError
            The child is gone or does not read.
        """
        frame = _frame(message)
        if self._link.send(frame, socket.MSG_DONTWAIT) != len(frame):
            raise BlockingIOError("the child does not read its messages")

    def receive(self) -> list[FromChild]:
        """Give the messages that have arrived whole; none is no error.

        Raises
        ------
        EOFError
            The child closed its end, and every whole message was given before.
        GarbledError
            The bytes are no message.
        """
        ended = self._fill()
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        if ended and not messages:
            raise EOFError("the child closed the link")
        return messages

    def close(self) -> None:
        """Close the descriptor."""
        self._link.close()

    def _fill(self) -> bool:
        while len(self._buffer) < _MAX_FRAME_BYTES:
            try:
                part = self._link.recv(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except ConnectionError:
                return True
            if not part:
                return True
            self._buffer += part
        return False

    def _next(self) -> FromChild | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > _MAX_FRAME_BYTES:
            raise GarbledError(f"a frame claims {length} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return _decode(body)


class _MessageUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name in _FROM_CHILD:
            return _FROM_CHILD[name]
        raise GarbledError(f"a frame names {module}.{name}")


def _decode(body: bytes) -> FromChild:
    try:
        message = _MessageUnpickler(io.BytesIO(body)).load()
    except GarbledError:
        raise
    except Exception as exc:  # an unpickler raises nearly anything on nonsense
        raise GarbledError(f"a frame cannot be read: {exc}") from exc
    if type(message) not in _FROM_CHILD.values():
        raise GarbledError(f"a frame holds a {type(message).__name__}")
    return message  # type: ignore[no-any-return]  # narrowed by the line above


def _frame(message: object) -> bytes:
    body = pickle.dumps(message, protocol=5)
    return _LENGTH.pack(len(body)) + body
