"""Turns paths that come over a pipe into features that go back over it: what a featurizing child runs."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from featurizer.errors import AudioError
from training.featurizing.track import Prepare, TrackFeatures, Work

_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has loaded what it needs and waits for a path."""


@dataclass(frozen=True, slots=True)
class Unable:
    """The child cannot load what it needs, and has ended; `message` is one line."""

    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file gave nothing: a stable word and one line that says why."""

    reason: str
    message: str


Answer = Ready | Unable | Refused | TrackFeatures


def serve(link: Connection[Answer, Path], prepare: Prepare) -> None:
    """Prepare, say `Ready`, then answer each path until the parent's end of the link closes.

    Runs in a process of its own, with one thread. The parent's death closes the link, so that no child
    outlives it by more than a file.
    """
    # A terminal's Ctrl-C reaches the whole group: the parent alone decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(_ONE_THREAD)
    try:
        work = prepare()
    except Exception as exc:  # noqa: BLE001 - the parent has to be told whatever it is
        link.send(Unable(f"{type(exc).__name__}: {_line(exc)}"))
        return
    _silence_standard_error()
    try:
        link.send(Ready())
        while True:
            link.send(_answer(link.recv(), work=work))
    except (EOFError, ConnectionError):
        return


def _answer(path: Path, *, work: Work) -> Refused | TrackFeatures:
    try:
        return work(path)
    except AudioError as exc:
        return Refused(exc.reason, _line(exc))
    except OSError as exc:
        return Refused("unreadable_file", exc.strerror or _line(exc))
    except Exception as exc:  # noqa: BLE001 - one file's surprise must not cost the others; it is listed
        return Refused("failed", f"{type(exc).__name__}: {_line(exc)}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _silence_standard_error() -> None:
    # libmpg123 warns of playable files from C, through the bar that the parent draws.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    os.close(sink)
