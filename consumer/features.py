"""Turns audio files into their windows' features without any Kafka or model, by a decoding child a core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from consumer.audio_files import Found, shown, upload_of
from consumer.config import Settings
from consumer.decoding.child import Setup
from consumer.decoding.compiling import announce_compilation
from consumer.decoding.decoder import Limits
from consumer.decoding.events import Event, Failed, Vectors
from consumer.decoding.messages import Finished, Task
from consumer.decoding.nursery import Household
from consumer.decoding.pool import DecodingPool
from consumer.decoding.work import FetchAndDecode
from consumer.label import error_to_json
from consumer.metrics import Metrics
from consumer.pipeline.cores import available_cores
from featurizer.spec import GTZAN57, FeatureSpec

_POLL_SECONDS: Final = 0.2
_AHEAD: Final = 64
"""Files that may end before the one that is given next: their features wait in memory."""


@dataclass(frozen=True, slots=True)
class FeaturizedFile:
    """How one file ended.

    Attributes
    ----------
    path : Path
        As it was named or found.
    features : ndarray, shape (n, width), float32
        One row a window in order of time; no row where it failed.
    error : Exception or None
        Why it failed.
    spec : FeatureSpec
        Names the columns.
    numbers : tuple of int or None
        Of the windows in their track, from 0 on; None where they follow one another from its start.
    """

    path: Path
    features: NDArray[np.float32]
    error: Exception | None
    spec: FeatureSpec = GTZAN57
    numbers: tuple[int, ...] | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Give the objects that `features --json` prints: one a window, or one with the error."""
        path = {"path": shown(self.path)}
        if self.error is not None:
            yield {**path, "error": error_to_json(self.error)}
            return
        numbers = range(len(self.features)) if self.numbers is None else self.numbers
        for number, row in zip(numbers, self.features, strict=True):
            # str gives the shortest digits that name the float32; float64's seventeen would be noise.
            values = {
                name: float(str(value)) for name, value in zip(self.spec.feature_names, row, strict=True)
            }
            start = round(number * self.spec.window_seconds, 6)
            yield {**path, "window": number, "start_seconds": start, "features": values}


class FeatureReader:
    """Decodes and featurizes files in child processes; a context manager. One thread.

    Parameters
    ----------
    settings : Settings
        Limits of fetching and decoding; its `fetch.file_roots` must allow the files.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        decode = settings.decode
        work = FetchAndDecode(
            settings.fetch,
            max_duration_seconds=decode.max_duration_seconds,
            spec=GTZAN57,
            policy=decode.window_policy,
        )
        household = Household(
            Setup(work, spec=GTZAN57, slabs=None, max_memory_bytes=decode.max_memory_bytes),
            processes=decode.processes or available_cores(),
            limits=Limits(decode.timeout_seconds, decode.max_memory_bytes),
        )
        self._pool = DecodingPool(household, metrics=Metrics(), clock=clock)
        self._rows: dict[int, list[NDArray[np.float32]]] = {}
        self._ended: dict[int, Finished | Exception] = {}

    def __enter__(self) -> Self:
        announce_compilation()
        self._pool.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def read(self, files: Sequence[Found]) -> Iterator[FeaturizedFile]:
        """Give each file's features, in the order of the files; a bad one has its error and stops nothing.

        Raises
        ------
        FatalError
            The children cannot start.
        """
        assigned = 0
        for number, file in enumerate(files):
            while number not in self._ended:
                while self._may_assign(assigned, number, files):
                    self._assign(assigned, files[assigned])
                    assigned += 1
                for event in self._pool.poll(_POLL_SECONDS) if number not in self._ended else ():
                    self._note(event)
            yield self._file(file.path, self._ended.pop(number), rows=self._rows.pop(number, []))

    def _file(
        self, path: Path, end: Finished | Exception, *, rows: list[NDArray[np.float32]]
    ) -> FeaturizedFile:
        if isinstance(end, Exception):
            return FeaturizedFile(path, np.empty((0, GTZAN57.width), np.float32), end)
        return FeaturizedFile(path, np.concatenate(rows), None, numbers=end.windows)

    def _may_assign(self, assigned: int, given: int, files: Sequence[Found]) -> bool:
        if assigned >= len(files) or assigned - given >= _AHEAD:
            return False
        return files[assigned].error is not None or self._pool.idle > 0

    def _assign(self, number: int, file: Found) -> None:
        if file.error is not None:
            self._ended[number] = file.error
            return
        event = upload_of(file.path)
        fetch_seconds = self._settings.fetch.timeout_seconds
        task = Task(number, event.track_id, event.audio_uri, fetch_seconds)
        self._rows[number] = []
        deadline = self._clock() + fetch_seconds + self._settings.decode.timeout_seconds
        self._pool.assign(task, deadline=deadline)

    def _note(self, event: Event) -> None:
        match event:
            case Vectors():
                self._rows[event.number].append(event.features)
            case Finished():
                self._ended[event.number] = event
            case Failed():
                self._ended[event.number] = event.error
            case _:
                pass
