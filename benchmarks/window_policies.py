"""Turns real music into what each window policy gains in time and costs in accuracy, as JSON and as a table.

Three kinds of tracks, because none tells all:

- **table**: the fault-filtered test tracks of the feature table (30 s, ten windows each), which the default
  model was not fitted on: accuracy on all of them, no time.
- **30 s**: those test tracks whose audio is at hand, as 44.1-kHz stereo MP3 at 128 kbit/s: time and accuracy.
- **4 min**: eight tracks of one genre joined, as the same kind of MP3: time, and agreement with `all`. They
  vary more than a song does, and the model may have been fitted on parts of them.

Time is the CPU time of one thread, decoding, featurizing and scoring, every policy in turn on every track.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consumer.bench.encoding import FORMATS, read_stereo, write
from consumer.bench.environment import describe
from consumer.bench.rounds import Side, interleave
from consumer.bench.spread import median_ratio
from consumer.pipeline.settling import Settling
from consumer.window_settings import EarlyStopSettings
from featurizer import Featurizer
from featurizer.spec import GTZAN57
from featurizer.track import TrackReader
from featurizer.window_policy import WindowPolicy
from modelzoo import DEFAULT_MODEL, OnnxScorer, Registry, decide
from training.datasets import GTZAN_TABLE, SPLIT_FOLDER
from training.feature_table import read_feature_table
from training.splits import read_track_lists

Array = NDArray[np.float32]

_SHORT_SECONDS: Final = 30.0
_JOINED: Final = 8
"""Tracks of 30 s in one of four minutes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy, and the confidence from which on decoding stops early, if any."""

    policy: WindowPolicy
    confidence: float | None = None

    def __str__(self) -> str:
        return str(self.policy) + ("" if self.confidence is None else f" until {self.confidence:g}")

    @property
    def windows_at_once(self) -> int:
        """As a decoding child does."""
        return 16 if self.confidence is None else EarlyStopSettings().part_windows


PLANS: Final = (
    *(Plan(WindowPolicy.parse(text)) for text in ("all", "first:3", "first:5", "first:10")),
    *(Plan(WindowPolicy.parse(text)) for text in ("spread:3", "spread:5", "spread:10", "spread:20")),
    *(Plan(WindowPolicy.parse(text), 0.8) for text in ("all", "spread:20")),
    Plan(WindowPolicy(), 0.6),
)
"""The first is what the others are compared with."""


class Hearing:
    """Labels tracks with the default model, in this thread.

    Attributes
    ----------
    heard : dict
        Of each plan and track, the genre and the number of windows.
    """

    def __init__(self) -> None:
        self._featurizer = Featurizer(device="cpu")
        self._featurizer.warm_up()
        self._scorer = OnnxScorer(Registry().load(DEFAULT_MODEL), device="cpu")
        self._scorer.warm_up()
        self.heard: dict[tuple[str, str], tuple[str, int]] = {}

    def hear(self, plan: Plan, path: Path) -> None:
        """Decode, featurize and score a file as the plan says."""
        with TrackReader(path, policy=plan.policy) as reader:
            features = map(self._featurizer, reader.windows(batch=plan.windows_at_once))
            self._decide(plan, path.stem, list(self._until_settled(plan, features)))

    def read(self, plan: Plan, track: str, features: Array) -> None:
        """Score a track of the feature table as the plan says."""
        chosen = features[list(plan.policy.choose(len(features)))]
        step = plan.windows_at_once
        pieces = (chosen[start : start + step] for start in range(0, len(chosen), step))
        self._decide(plan, track, list(self._until_settled(plan, pieces)))

    def of(self, plan: Plan, tracks: Sequence[str]) -> tuple[list[str], list[int]]:
        """Give genres and numbers of windows of some tracks."""
        heard = [self.heard[str(plan), track] for track in tracks]
        return [genre for genre, _ in heard], [count for _, count in heard]

    def _until_settled(self, plan: Plan, features: Iterator[Array]) -> Iterator[Array]:
        """Score parts until the label has settled; gives their probabilities."""
        rule = EarlyStopSettings(confidence=plan.confidence)
        settling = None if plan.confidence is None else Settling(self._scorer.manifest, rule=rule)
        for part in features:
            probabilities = self._scorer(part)
            yield probabilities
            if settling is not None and settling.add(probabilities):
                return

    def _decide(self, plan: Plan, track: str, parts: list[Array]) -> None:
        probabilities = np.concatenate(parts)
        verdict = decide(probabilities, self._scorer.manifest)
        self.heard[str(plan), track] = verdict.genres[0][0], len(probabilities)


def _share(pairs: Iterator[tuple[str, str]]) -> float:
    equal = [one == other for one, other in pairs]
    return sum(equal) / len(equal)


def measure_table(hearing: Hearing, data: Path) -> dict[str, dict[str, float]]:
    """Give accuracy and agreement of each plan on the test tracks of the feature table."""
    test = read_feature_table(data / GTZAN_TABLE, spec=GTZAN57).of_tracks(
        read_track_lists(data / SPLIT_FOLDER).test
    )
    names = test.track_names
    for track in names:
        features = test.of_tracks(frozenset({track})).inputs
        for plan in PLANS:
            hearing.read(plan, track, features)
    return {str(plan): _figures(hearing, plan, names) for plan in PLANS}


def measure_files(hearing: Hearing, paths: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Give time, accuracy and agreement of each plan on files, named `genre.anything`."""
    sides: list[Side[Path]] = [Side(str(plan), partial(hearing.hear, plan)) for plan in PLANS]
    interleave(sides, paths[:1])  # opens libraries and fills caches
    timings = interleave(sides, paths)
    names = [path.stem for path in paths]
    whole = timings[str(PLANS[0])].cpu
    return {
        str(plan): {
            **_figures(hearing, plan, names),
            "speed_up": median_ratio(whole, timings[str(plan)].cpu),
            "cpu_seconds": float(np.median(timings[str(plan)].cpu)),
        }
        for plan in PLANS
    }


def _figures(hearing: Hearing, plan: Plan, names: Sequence[str]) -> dict[str, float]:
    genres, counts = hearing.of(plan, names)
    everything, _ = hearing.of(PLANS[0], names)
    truth = (name.partition(".")[0] for name in names)
    return {
        "n": len(names),
        "windows": float(np.mean(counts)),
        "accuracy": _share(zip(genres, truth, strict=True)),
        "agreement": _share(zip(genres, everything, strict=True)),
    }


def make_short(data: Path, folder: Path, *, most: int) -> list[Path]:
    """Encode the test tracks whose audio is at hand."""
    test = read_track_lists(data / SPLIT_FOLDER).test
    audio = [path for path in sorted((data / "audio/gtzan_tracks").glob("*/*.flac")) if path.stem in test]
    chosen = audio if len(audio) <= most else [audio[index * len(audio) // most] for index in range(most)]
    return [_encode([path], folder / f"{path.stem}.mp3") for path in chosen]


def make_long(data: Path, folder: Path, *, count: int, seed: int = 0) -> list[Path]:
    """Join tracks of one genre to tracks of four minutes, the genres in turn."""
    rng = np.random.default_rng(seed)
    genres = sorted((data / "audio/gtzan_tracks").iterdir())
    groups = [files for files in (sorted(genre.glob("*.flac")) for genre in genres) if len(files) >= _JOINED]
    made = []
    for number in range(count):
        files = groups[number % len(groups)]
        chosen = [files[index] for index in rng.choice(len(files), _JOINED, replace=False)]
        made.append(_encode(chosen, folder / f"{files[0].parent.name}.joined{number}.mp3"))
    return made


def _encode(sources: Sequence[Path], path: Path) -> Path:
    music = [read_stereo(source, seconds=_SHORT_SECONDS) for source in sources]
    return write(np.concatenate(music), path, form=FORMATS["mp3"])


def table(report: dict[str, Any]) -> str:
    """Lay the figures out in Markdown."""
    lines = [
        "| policy | accuracy, table | agreement, table | windows, 30 s | speed-up, 30 s | accuracy, 30 s "
        "| windows, 4 min | speed-up, 4 min | agreement, 4 min |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for plan in map(str, PLANS):
        test, short, long = report["table"][plan], report["short"][plan], report["long"][plan]
        cells = (
            *(f"{test['accuracy']:.3f}", f"{test['agreement']:.3f}"),
            *(f"{short['windows']:.1f}", f"{short['speed_up']:.2f}", f"{short['accuracy']:.3f}"),
            *(f"{long['windows']:.1f}", f"{long['speed_up']:.2f}", f"{long['agreement']:.2f}"),
        )
        lines.append(f"| {plan} | {' | '.join(cells)} |")
    counts = (report[kind][str(PLANS[0])]["n"] for kind in ("table", "short", "long"))
    return "\n".join([*lines, "", "Tracks: table {}, 30 s {}, 4 min {}.".format(*counts)])


def main() -> None:
    """Measure, print the table, and write the JSON where `--json` says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="holds features/, gtzan_split/ and audio/")
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument("--short", type=int, default=45, help="most tracks of 30 s")
    parser.add_argument("--long", type=int, default=20, help="tracks of four minutes")
    arguments = parser.parse_args()
    hearing = Hearing()
    with tempfile.TemporaryDirectory(prefix="genrestream-policies-") as name:
        folder = Path(name)
        report = {
            "environment": describe(),
            "table": measure_table(hearing, arguments.data),
            "short": measure_files(hearing, make_short(arguments.data, folder, most=arguments.short)),
            "long": measure_files(hearing, make_long(arguments.data, folder, count=arguments.long)),
        }
    sys.stdout.write(table(report) + "\n")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
