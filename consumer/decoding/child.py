"""Turns a forked process into a decoding child: one task at a time until the parent is gone."""

from __future__ import annotations

import gc
import os
import resource
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumer.decoding.head_start import CHILD_PRELOAD
from consumer.decoding.messages import (
    ChildEnd,
    Enough,
    Finished,
    LinkClosedError,
    Raised,
    Ready,
    Release,
    Task,
)
from consumer.decoding.shared_windows import SharedWindows, SlabShape
from consumer.decoding.sinks import FeatureSink, SharingSink, WindowSink
from consumer.decoding.work import DoTask, Work
from featurizer.spec import FeatureSpec

_MESSAGE_CHARACTERS: Final = 2_000
_TRACEBACK_CHARACTERS: Final = 16_000
"""Keep a frame far below the parent's limit, whatever an exception says."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the parent tells a child first.

    Attributes
    ----------
    work : Work
        What to do with a task.
    spec : FeatureSpec
        The features to compute, where this process computes them.
    slabs : SlabShape or None
        The shared memory for samples; without it this process featurizes.
    max_memory_bytes : int
        How much a track may add to the memory of this process.
    """

    work: Work
    spec: FeatureSpec
    slabs: SlabShape | None
    max_memory_bytes: int

    @property
    def preload(self) -> tuple[str, ...]:
        """Modules that the fork server imports, so that children share them and start at once."""
        featurizer = self.work.featurizer_preload if self.slabs is None else ()
        return (CHILD_PRELOAD, *self.work.preload, *featurizer)


def main(descriptors: Sequence[int]) -> None:
    """Run a child on its link, its standard error and, where samples are shared, their memory."""
    link_fd, error_fd, *memory = descriptors
    # Libraries and stray prints write to either; both belong to the track at hand.
    os.dup2(error_fd, 1)
    os.dup2(error_fd, 2)
    os.close(error_fd)
    link = ChildEnd(socket.socket(fileno=link_fd))
    try:
        setup: Setup = link.receive()
        sink = _sink(link, setup, memory)
        do_task = setup.work.prepare()
        _limit_memory(setup.max_memory_bytes)
        # What is there now stays: collections need not walk it and copy the pages shared with other children.
        gc.freeze()
        link.send(Ready())
        _serve(link, sink, do_task)
    except LinkClosedError:
        return
    except Exception as exc:  # noqa: BLE001 - the parent must hear why no child can start
        link.send(_raised(0, exc))


def _sink(link: ChildEnd, setup: Setup, memory: Sequence[int]) -> WindowSink:
    if setup.slabs is not None:
        (descriptor,) = memory
        shared = SharedWindows(descriptor, shape=setup.slabs)
        os.close(descriptor)
        return SharingSink(link, shared)
    featurize = setup.work.featurizer(setup.spec)
    return FeatureSink(link, featurize, window_samples=setup.spec.window_samples)


def _limit_memory(max_memory_bytes: int) -> None:
    """Refuse this process twice what a track may add to it.

    The parent watches the resident size and ends a child at the limit itself; this is for what the watch sees
    too late, one huge or one very fast allocation. `RLIMIT_DATA` and not `RLIMIT_AS`: torch maps
    gigabytes that it never touches. Should the machine run out first, its kernel shall choose a child.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):  # a sandbox may refuse it
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    data_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData:"))
    limit = data_kib * 1024 + 2 * max_memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _serve(link: ChildEnd, sink: WindowSink, do_task: DoTask) -> None:
    while True:
        message = link.receive()
        if isinstance(message, Release) and isinstance(sink, SharingSink):
            sink.release(message.slab)
        elif isinstance(message, Enough):
            continue  # that task has ended
        elif isinstance(message, Task):
            sink.begin(message.number)
            outcome = _attempt(message, link, sink, do_task)
            sys.stdout.flush()
            sys.stderr.flush()
            link.send(outcome)


def _attempt(task: Task, link: ChildEnd, sink: WindowSink, do_task: DoTask) -> Finished | Raised:
    try:
        return do_task(task, sink, link.send)
    except LinkClosedError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever a file provokes ends its own track only
        return _raised(task.number, exc)


def _raised(number: int, exc: Exception) -> Raised:
    kind = type(exc)
    try:
        message = str(exc)
    except Exception as unprintable:  # noqa: BLE001 - another library's exception may not even print
        message = f"(its message raised {type(unprintable).__name__})"
    return Raised(
        number,
        error="builtins.MemoryError" if _is_out_of_memory(exc) else f"{kind.__module__}.{kind.__qualname__}",
        message=message[:_MESSAGE_CHARACTERS],
        traceback="".join(traceback.format_exception(exc, limit=-20))[-_TRACEBACK_CHARACTERS:],
    )


def _is_out_of_memory(exc: Exception) -> bool:
    # torch raises a plain RuntimeError for it.
    return isinstance(exc, MemoryError) or (isinstance(exc, RuntimeError) and "allocate memory" in str(exc))
