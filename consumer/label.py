"""Turns audio files into labels without any Kafka: the worker's own pipeline, fed from a list."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Final

from consumer.audio_files import Found, shown, upload_of
from consumer.config import Settings, WorkerSettings
from consumer.errors import TrackDeadlineError, reason
from consumer.events import TrackLabelled
from consumer.jobs import Completion, Engine, Ticket, TopicPartition, TrackJob

_NO_TOPIC: Final = TopicPartition("files", 0)
_POLL_SECONDS: Final = 0.2
"""How often fatal errors and deadlines are looked at while nothing completes."""
_GRACE_SECONDS: Final = 5.0
"""The engine ends its tracks by their deadline; one that it forgot is given up this much later."""


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """How one file ended: a label, or the exception that prevented it."""

    path: Path
    result: TrackLabelled | BaseException

    def to_json(self) -> dict[str, Any]:
        """Give the object that `label --json` prints: the path and the label's fields, or the error."""
        path = {"path": shown(self.path)}
        if isinstance(self.result, TrackLabelled):
            return {**path, **self.result.model_dump(mode="json")}
        return {**path, "error": error_to_json(self.result)}


def error_to_json(error: BaseException) -> dict[str, str]:
    """Give an error's stable word and its text in one line."""
    return {"reason": reason(error), "message": " ".join(str(error).split())}


def for_local_files(settings: Settings) -> Settings:
    """Allow every local file: who runs the command may read what its user may read, and no more."""
    return settings.model_copy(
        update={"fetch": settings.fetch.model_copy(update={"file_roots": (Path("/"),)})}
    )


def label_files(
    files: Sequence[Found], *, engine: Engine, settings: WorkerSettings
) -> Iterator[LabelledFile]:
    """Label files by an engine, within a worker's limits, as `Labeller.label` says."""
    labeller = Labeller(
        engine, max_in_flight=settings.max_in_flight, deadline_seconds=settings.track_deadline_seconds
    )
    return labeller.label(files)


@dataclass(slots=True)
class Labeller:
    """Feeds files to an engine and gives their ends in the order of the files.

    Parameters
    ----------
    engine : Engine
        Does the work; stays the caller's to close.
    max_in_flight : int
        Files under way at once.
    deadline_seconds : float
        For one file, from its submission.
    clock : callable
        Monotonic seconds.
    """

    engine: Engine
    max_in_flight: int = 64
    deadline_seconds: float = 240.0
    clock: Callable[[], float] = time.monotonic
    _running: dict[int, float] = field(default_factory=dict, init=False)
    _ended: dict[int, TrackLabelled | BaseException] = field(default_factory=dict, init=False)

    def label(self, files: Sequence[Found]) -> Iterator[LabelledFile]:
        """Label files; a bad one is an entry with its error and stops nothing.

        Raises
        ------
        ConsumerError, ModelError, DeviceUnavailableError
            The engine cannot go on.
        """
        submitted = 0
        for number, file in enumerate(files):
            # Ends that wait for an earlier file count too: they hold memory, and the reader sets the pace.
            while submitted < len(files) and submitted - number < self.max_in_flight:
                self._submit(submitted, files[submitted])
                submitted += 1
            while number not in self._ended:
                self._wait()
            yield LabelledFile(file.path, self._ended.pop(number))

    def _submit(self, number: int, file: Found) -> None:
        if file.error is not None:
            self._ended[number] = file.error
            return
        deadline = self.clock() + self.deadline_seconds
        self._running[number] = deadline
        ticket = Ticket(_NO_TOPIC, epoch=1, offset=number, event_index=0)
        self.engine.submit(TrackJob(ticket=ticket, event=upload_of(file.path), deadline=deadline))

    def _wait(self) -> None:
        try:
            self._end(self.engine.completions.get(timeout=_POLL_SECONDS))
        except Empty:
            self.engine.check()
            now = self.clock()
            for number, deadline in list(self._running.items()):
                if now > deadline + _GRACE_SECONDS:
                    del self._running[number]
                    self._ended[number] = TrackDeadlineError(
                        f"no end within deadline_seconds={self.deadline_seconds:g}"
                    )

    def _end(self, completion: Completion) -> None:
        # One that was given up may still end; nobody waits for it any more.
        if self._running.pop(completion.ticket.offset, None) is not None:
            self._ended[completion.ticket.offset] = completion.result
