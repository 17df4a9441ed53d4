"""Turns windows of `gtzan57+` into how much better models are with it than with its first 57 columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import GTZAN57, FeatureSpec
from training.errors import DataError
from training.evaluate import TrackScores, join_scores, score_tracks
from training.models.kind import Effort, ModelKind, Task
from training.richer.features import GTZAN57_PLUS
from training.splits import TrackLists, artist_folds
from training.windows import LabelledWindows

N_FOLDS: Final = 5
N_DRAWS: Final = 10_000
_SETS: Final = (GTZAN57, GTZAN57_PLUS)

Verdict = Literal["rises", "falls", "cannot be told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One kind of model with 57 features and with all, on the same tracks.

    Attributes
    ----------
    model : str
        Name of the kind.
    n_tracks, n_windows, n_artists : int
        What was measured; artists are what the bootstrap draws.
    basic, richer : float
        Track accuracy with 57 features and with all, mean over seeds.
    difference, low, high : float
        Richer minus basic, and the bounds of its 95% interval.
    """

    model: str
    n_tracks: int
    n_windows: int
    n_artists: int
    basic: float
    richer: float
    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """Whether the accuracy rises, as far as this many tracks can tell."""
        if self.low > 0:
            return "rises"
        return "falls" if self.high < 0 else "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of the experiment.

    Attributes
    ----------
    validation : tuple of Comparison
        Each kind on folds of artists of the lists train and valid.
    test : Comparison
        The kind that was best there, fitted to all of these and measured on the list test: looked at once.
    lacking : tuple of str
        Genres of which the test has no track: its figures are then of the others alone.
    """

    validation: tuple[Comparison, ...]
    test: Comparison
    lacking: tuple[str, ...]

    @property
    def adopted(self) -> bool:
        """Whether the richer set is worth its cost: only where the test's accuracy is known to rise."""
        return self.test.verdict == "rises"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Compares two feature sets on the same windows, with the same models.

    Attributes
    ----------
    windows : LabelledWindows
        Windows of `gtzan57+`: the 57 columns come first.
    lists : TrackLists
        The published split, with artists.
    kinds : sequence of ModelKind
        Which models, at least one; each is given FEATURES.
    seeds : sequence of int
        One fit each, at least one.
    effort : Effort
        Of each fit.
    """

    windows: LabelledWindows
    lists: TrackLists
    kinds: Sequence[ModelKind]
    seeds: Sequence[int]
    effort: Effort = Effort.FULL

    @property
    def n_fits(self) -> int:
        """How many fits there are."""
        return (len(self.kinds) * N_FOLDS + 1) * len(self.seeds) * len(_SETS)

    def run(self, on_fit: Callable[[], None] = lambda: None) -> Answer:
        """Choose the kind on validation artists, then measure it, once, on the test.

        Raises
        ------
        DataError
            Too few tracks are on a side: a fold has no track, or a genre of the windows is nowhere to fit.
        """
        windows = weigh_tracks_alike(self.windows)
        fitting = windows.of_tracks(self.lists.fitting_tracks())
        test = windows.of_tracks(self.lists.test)
        if not len(fitting) or not len(test):
            raise DataError(f"a side has no track, fitting_windows={len(fitting)} test_windows={len(test)}")
        folds = [
            (fitting.without_tracks(fold), fitting.of_tracks(fold))
            for fold in artist_folds(fitting.track_names, lists=self.lists, n_folds=N_FOLDS)
        ]
        validation = tuple(self._compare(kind, sides=folds, on_fit=on_fit) for kind in self.kinds)
        best = max(zip(validation, self.kinds, strict=True), key=lambda pair: pair[0].basic + pair[0].richer)
        return Answer(
            validation=validation,
            test=self._compare(best[1], sides=[(fitting, test)], on_fit=on_fit),
            lacking=tuple(np.setdiff1d(fitting.genres, test.genres).tolist()),
        )

    def _compare(
        self,
        kind: ModelKind,
        *,
        sides: Sequence[tuple[LabelledWindows, LabelledWindows]],
        on_fit: Callable[[], None],
    ) -> Comparison:
        right: list[NDArray[np.float64]] = []
        for spec in _SETS:
            seeds = [
                join_scores([self._score(kind, side, spec=spec, seed=seed, on_fit=on_fit) for side in sides])
                for seed in self.seeds
            ]
            right.append(
                np.mean([scores.pooled.argmax(axis=1) == scores.targets for scores in seeds], axis=0)
            )
        artists = [self.lists.artists.get(track, track) for track in seeds[0].tracks]
        low, high = paired_interval(right[1] - right[0], groups=artists, rng=np.random.default_rng(0))
        return Comparison(
            model=kind.name,
            n_tracks=len(artists),
            n_windows=seeds[0].n_windows,
            n_artists=len(set(artists)),
            basic=float(right[0].mean()),
            richer=float(right[1].mean()),
            difference=float((right[1] - right[0]).mean()),
            low=low,
            high=high,
        )

    def _score(
        self,
        kind: ModelKind,
        sides: tuple[LabelledWindows, LabelledWindows],
        *,
        spec: FeatureSpec,
        seed: int,
        on_fit: Callable[[], None],
    ) -> TrackScores:
        fit, measured = (first_columns(side, spec.width) for side in sides)
        genres = tuple(np.unique(self.windows.of_tracks(self.lists.fitting_tracks()).genres).tolist())
        lacking = np.setdiff1d([*genres, *measured.genres], fit.genres)
        if len(lacking):
            raise DataError(f"a genre has no track to fit to, genres={', '.join(lacking.tolist())}")
        task = Task(genres=genres, feature_names=spec.feature_names, effort=self.effort)
        model = kind.fit(fit, task=task, seed=seed, on_progress=lambda _share: None)
        on_fit()
        return score_tracks(measured, probabilities=model(measured.inputs), genres=genres)


def first_columns(windows: LabelledWindows, n_columns: int) -> LabelledWindows:
    """Keep the first features of each window."""
    inputs = np.ascontiguousarray(windows.inputs[:, :n_columns])
    return LabelledWindows(inputs, windows.genres, windows.tracks, windows.weights)


def weigh_tracks_alike(windows: LabelledWindows) -> LabelledWindows:
    """Weigh windows so that each track counts the same in a fit; the mean weight is 1."""
    _, place, counts = np.unique(windows.tracks, return_inverse=True, return_counts=True)
    weights = (1.0 / counts[place]) * (len(windows) / len(counts))
    return LabelledWindows(
        windows.inputs, windows.genres, windows.tracks, np.asarray(weights, dtype=np.float32)
    )


def paired_interval(
    gaps: NDArray[np.float64], *, groups: Sequence[str], rng: np.random.Generator
) -> tuple[float, float]:
    """Bound the mean of paired differences by a bootstrap over groups.

    Tracks of one artist are right or wrong together: whole artists are drawn. Source: Efron and Tibshirani,
    "An introduction to the bootstrap", 1993, chapter 13 (percentile interval).

    Parameters
    ----------
    gaps : ndarray, shape (n,), float64
        A difference each track.
    groups : sequence of str
        Each track's artist.
    rng : Generator
        Draws the groups.

    Returns
    -------
    (float, float)
        The 2.5% and 97.5% quantiles of the mean.
    """
    names, place = np.unique(groups, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=N_DRAWS)
    means = (drawn @ np.bincount(place, weights=gaps)) / (drawn @ np.bincount(place))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
