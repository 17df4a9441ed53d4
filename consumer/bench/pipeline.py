"""Turns uploads of MP3 files into what the whole service can do: CPU time, time on the wall, memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from consumer.bench.broker import Broker
from consumer.bench.librosa_pipeline import LibrosaPipeline
from consumer.bench.material import LONG_SECONDS, SHORT_SECONDS, Sources, make_mp3s
from consumer.bench.memory_watch import MemoryWatch
from consumer.bench.processes import cpu_seconds
from consumer.bench.service import Run, Service, open_service
from consumer.config import Settings
from consumer.events import TrackLabelled

_MOST_FILES: Final = 8
"""Different tracks of 30 seconds: enough to differ, and encoded in some seconds."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    tracks : int
        30-second tracks of a round for the worker on most cores; one on fewer gets as many fewer, so that
        all of them run as long.
    rounds : int
        Turns of the workers and librosa, at least 1.
    long_tracks : int
        4-minute tracks, once, for the worker on most cores; 0 leaves them out.
    librosa_tracks : int
        30-second tracks of a round for librosa.
    """

    tracks: int = 120
    rounds: int = 3
    long_tracks: int = 16
    librosa_tracks: int = 2

    def of_cores(self, cores: int, *, most: int) -> int:
        """Give the tracks of a round for a worker on so many cores."""
        return max(round(self.tracks * cores / most), 1)

    def steps(self, counts: Sequence[int]) -> int:
        """Give the number of tracks in all, warm-up included, for workers on so many cores each."""
        most = max(counts)
        round_ = sum(self.of_cores(cores, most=most) for cores in counts) + self.librosa_tracks
        return sum(map(warm_up_tracks, counts)) + self.rounds * round_ + self.long_tracks


@dataclass(frozen=True, slots=True)
class Tracks:
    """The files to upload, again and again: 30 seconds and four minutes long."""

    short: tuple[Path, ...]
    long: tuple[Path, ...]


@dataclass(slots=True)
class Measured:
    """What was measured.

    Attributes
    ----------
    runs : dict
        For each number of cores one run a round.
    librosa : list of list of float
        CPU seconds of each song, a list a round.
    long : Run or None
        Of the 4-minute tracks.
    memory : dict
        Of the worker on most cores, over all its runs of 30-second tracks.
    starts : list of float
        Seconds until each worker was ready.
    idle : list of float
        CPU seconds a second of each idle worker while librosa worked.
    """

    runs: dict[int, list[Run]]
    librosa: list[list[float]] = field(default_factory=list)
    long: Run | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)


def make_tracks(plan: Plan, sources: Sources, folder: Path) -> Tracks:
    """Encode what is uploaded: up to eight different tracks of 30 seconds, and one of four minutes.

    Raises
    ------
    SettingsError
        No source can be decoded.
    """
    return Tracks(
        short=make_mp3s(sources, folder, seconds=SHORT_SECONDS, count=min(plan.tracks, _MOST_FILES)),
        long=make_mp3s(sources, folder, seconds=LONG_SECONDS, count=min(plan.long_tracks, 1)),
    )


def core_counts(cores: Sequence[int]) -> tuple[int, ...]:
    """Give the numbers of cores to measure: one, two and all, as far as they are there."""
    return tuple(sorted({1, min(2, len(cores)), len(cores)}))


def warm_up_tracks(cores: int) -> int:
    """Give how many tracks a worker labels before it is measured: every child has had some then."""
    return 4 * cores


@contextmanager
def open_services(
    settings: Settings, *, broker: Broker, cores: Sequence[int], folder: Path
) -> Iterator[dict[int, Service]]:
    """Start a worker for each number of cores to measure; they all live at once, and work in turns."""
    with ExitStack() as stack:
        services = {}
        for count in core_counts(cores):
            service = open_service(settings, broker=broker, cores=cores[:count], folder=folder)
            services[count] = stack.enter_context(service)
        yield services


class PipelineBench:
    """Runs workers and librosa in turns.

    Parameters
    ----------
    plan : Plan
        How much.
    services : dict
        A running worker for each number of cores.
    librosa : LibrosaPipeline
        What they are compared with.
    tracks : Tracks
        The files.
    on_track : callable
        Hears of each track that ended, by whom it was labelled.
    """

    def __init__(
        self,
        plan: Plan,
        services: dict[int, Service],
        *,
        librosa: LibrosaPipeline,
        tracks: Tracks,
        on_track: Callable[[str], None] = lambda _by: None,
    ) -> None:
        self._plan = plan
        self._services = services
        self._librosa = librosa
        self._tracks = tracks
        self._on_track = on_track
        self._most = max(services)
        self._watch = MemoryWatch(services[self._most].worker.pid)
        self._measured = Measured({count: [] for count in services})

    def measure(self) -> Measured:
        """Warm up and run everything; blocks for minutes."""
        self._warm_up()
        turns: list[Callable[[], None]] = [partial(self._run, count) for count in self._services]
        turns.append(self._run_librosa)
        for number in range(self._plan.rounds):
            first = number % len(turns)
            for turn in (*turns[first:], *turns[:first]):
                turn()
        if self._plan.long_tracks:
            wanted = _take(self._tracks.long, self._plan.long_tracks)
            self._measured.long = self._services[self._most].run(wanted, on_label=self._says("4 minutes"))
        self._measured.memory = self._watch.to_json()
        return self._measured

    def _warm_up(self) -> None:
        for count, service in self._services.items():
            self._measured.starts.append(service.worker.start_seconds)
            service.run(_take(self._tracks.short, warm_up_tracks(count)), on_label=self._says("warm-up"))
        self._librosa.label(self._tracks.short[0])

    def _run(self, count: int) -> None:
        wanted = _take(self._tracks.short, self._plan.of_cores(count, most=self._most))
        by = f"{count} core{'s' if count > 1 else ''}"
        service = self._services[count]
        if count < self._most:
            run = service.run(wanted, on_label=self._says(by))
        else:
            with self._watch:
                run = service.run(wanted, on_label=self._counts(by))
        self._measured.runs[count].append(run)

    def _run_librosa(self) -> None:
        number = len(self._measured.librosa)
        pids = [service.worker.pid for service in self._services.values()]
        started, before = time.monotonic(), [cpu_seconds(pid) for pid in pids]
        seconds = []
        for track in _take(self._tracks.short, self._plan.librosa_tracks, skip=number):
            seconds.append(self._librosa.cpu_seconds(track))
            self._on_track("librosa")
        took = time.monotonic() - started
        self._measured.librosa.append(seconds)
        self._measured.idle.extend(
            (cpu_seconds(pid) - earlier) / took for pid, earlier in zip(pids, before, strict=True)
        )

    def _says(self, by: str) -> Callable[[TrackLabelled], None]:
        return lambda _label: self._on_track(by)

    def _counts(self, by: str) -> Callable[[TrackLabelled], None]:
        def counts(_label: TrackLabelled) -> None:
            self._watch.count()
            self._on_track(by)

        return counts


def _take(tracks: Sequence[Path], count: int, *, skip: int = 0) -> list[Path]:
    return list(islice(cycle(tracks), skip, skip + count))
