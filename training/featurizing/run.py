"""Turns a folder of music into a feature table: what is done stays done when the run is cut short."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from featurizer.spec import FeatureSpec
from training.featurizing.child import Refused
from training.featurizing.crew import Crew
from training.featurizing.parts import Parts
from training.featurizing.track import Prepare, prepare_gtzan57
from training.featurizing.walk import BadFile, Track, walk
from training.featurizing.write import TrackRows, require_writable, write_table


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturizePlan:
    """What is to be done.

    Attributes
    ----------
    folder : Path
        Holds a folder of audio a genre, or files `genre.name.suffix`.
    out : Path
        The table: `.parquet`, `.csv` or `.csv.gz`.
    genres : frozenset of str or None
        Only these; all where it is None.
    n_processes : int
        At least 1.
    restart : bool
        Forget what an earlier run did.
    file_seconds : float
        How long one file may take.
    prepare : Prepare
        What each child does.
    """

    folder: Path
    out: Path
    genres: frozenset[str] | None = None
    n_processes: int = 1
    restart: bool = False
    file_seconds: float = 300.0
    prepare: Prepare = prepare_gtzan57

    @property
    def parts(self) -> Path:
        """Where finished tracks are kept while the table is not whole."""
        return self.out.with_name(f".{self.out.name}.parts")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturizeResult:
    """What came of it.

    Attributes
    ----------
    n_windows : int
        Rows of the table.
    genres : Mapping of str to int
        Tracks of each genre.
    n_kept : int
        Tracks that an earlier run had done.
    bad : tuple of BadFile
        What gave nothing, in the order of the files' places.
    warnings : Mapping of str to int
        Tracks that were used in spite of a warning, by warning.
    n_others : int
        Files of the folder that are no audio.
    """

    n_windows: int
    genres: Mapping[str, int]
    n_kept: int
    bad: tuple[BadFile, ...]
    warnings: Mapping[str, int]
    n_others: int

    @property
    def n_tracks(self) -> int:
        """Tracks of the table; 0 where none was written."""
        return sum(self.genres.values())


def available_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def featurize_folder(
    plan: FeaturizePlan,
    *,
    spec: FeatureSpec,
    on_begin: Callable[[int, int], None] = lambda _n_tracks, _n_kept: None,
    on_track: Callable[[], None] = lambda: None,
) -> FeaturizeResult:
    """Featurize all tracks of a folder and write their table; no table where no file could be read.

    Parameters
    ----------
    plan : FeaturizePlan
        What is to be done.
    spec : FeatureSpec
        What `plan.prepare` computes.
    on_begin : callable, optional
        Told how many tracks there are and how many of them were done before.
    on_track : callable, optional
        Called after each track that was not.

    Raises
    ------
    DataError
        The folder is not there, holds no audio or lacks a genre that is wanted.
    OutputError
        The table cannot be written.
    CrewError
        The featurizer cannot be loaded.
    """
    require_writable(plan.out)
    found = walk(plan.folder, genres=plan.genres)
    with Parts(plan.parts, spec=spec) as parts:
        if plan.restart:
            parts.clear()
        to_do = [track for track in found.tracks if track not in parts]
        on_begin(len(found.tracks), len(found.tracks) - len(to_do))
        bad = [*found.bad, *_featurize(to_do, plan=plan, parts=parts, on_track=on_track)]
        done = [track for track in found.tracks if track in parts]
        tally = _Tally()
        if done:
            write_table(plan.out, spec=spec, tracks=tally.count(done, parts=parts))
        parts.remove()
    return FeaturizeResult(
        n_windows=tally.n_windows,
        genres=Counter(track.genre for track in done),
        n_kept=len(found.tracks) - len(to_do),
        bad=tuple(sorted(bad, key=lambda file: file.place)),
        warnings=tally.warnings,
        n_others=found.n_others,
    )


class _Tally:
    """Counts what passes on its way into the table."""

    def __init__(self) -> None:
        self.n_windows = 0
        self.warnings: Counter[str] = Counter()

    def count(self, tracks: Sequence[Track], *, parts: Parts) -> Iterator[TrackRows]:
        for track in tracks:
            found = parts.features_of(track)
            self.n_windows += len(found.features)
            self.warnings.update(found.warnings)
            yield track, found.features


def _featurize(
    tracks: Sequence[Track], *, plan: FeaturizePlan, parts: Parts, on_track: Callable[[], None]
) -> Iterator[BadFile]:
    with Crew(plan.n_processes, prepare=plan.prepare, file_seconds=plan.file_seconds) as crew:
        for track, outcome in crew.outcomes(tracks):
            if isinstance(outcome, Refused):
                yield BadFile(track.place, outcome.reason, outcome.message)
            else:
                parts.add(track, outcome)
            on_track()
