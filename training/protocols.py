"""Turns one kind of model into accuracies under three protocols: one flatters, one counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelzoo.manifest import Measurement
from training.datasets import DefaultData
from training.evaluate import TrackScores, join_scores, measure, score_tracks
from training.models.kind import FittedModel, ModelKind, Task
from training.splits import artist_folds, random_tracks, random_windows
from training.windows import LabelledWindows, join

TEST_SHARE = 0.3
"""Of the windows (or tracks) of each genre, in the two protocols that draw their sides."""

RANDOM_WINDOWS, GROUPED_BY_TRACK, FAULT_FILTERED = "random_windows", "grouped_by_track", "fault_filtered"


@dataclass(frozen=True, slots=True)
class Trainer:
    """What every fit of one run has in common.

    Attributes
    ----------
    kind : ModelKind
        Fits.
    task : Task
        The outputs and the inputs.
    on_fit : callable
        Called after each fit.
    """

    kind: ModelKind
    task: Task
    on_fit: Callable[[], None]

    def fit(self, table: LabelledWindows, *, seed: int) -> FittedModel:
        """Fit one model."""
        model = self.kind.fit(table, task=self.task, seed=seed, on_progress=lambda _: None)
        self.on_fit()
        return model

    def score(self, model: FittedModel, table: LabelledWindows) -> TrackScores:
        """Score windows with a fitted model."""
        return score_tracks(table, probabilities=model(table.inputs), genres=self.task.genres)

    def fit_and_score(self, table: LabelledWindows, *, test: LabelledWindows, seed: int) -> TrackScores:
        """Fit one model and score other windows with it."""
        return self.score(self.fit(table, seed=seed), test)


def measure_drawn_sides(
    data: DefaultData, *, protocol: str, trainer: Trainer, seeds: Sequence[int]
) -> Mapping[str, Measurement]:
    """Measure a protocol that draws 30% of GTZAN anew for each seed.

    Parameters
    ----------
    data : DefaultData
        The tables. The second collection joins the training side.
    protocol : {"random_windows", "grouped_by_track"}
        What is drawn: windows (the rest of their tracks is trained on: it leaks) or whole tracks.
    trainer : Trainer
        Fits.
    seeds : sequence of int
        Each seeds the draw and the fit.
    """
    draw = {RANDOM_WINDOWS: random_windows, GROUPED_BY_TRACK: random_tracks}[protocol]
    scores: list[TrackScores] = []
    for seed in seeds:
        is_test = draw(data.gtzan, rng=np.random.default_rng(seed), test_share=TEST_SHARE)
        training = join([data.gtzan.rows(~is_test), data.extra])
        scores.append(trainer.fit_and_score(training, test=data.gtzan.rows(is_test), seed=seed))
    return accuracies(scores)


def accuracies(scores: Sequence[TrackScores]) -> Mapping[str, Measurement]:
    """Summarise the scores of several seeds by window and by track."""
    return {
        "window_accuracy": measure([score.window_accuracy for score in scores], n=scores[0].n_windows),
        "track_accuracy": measure([score.track_accuracy for score in scores], n=len(scores[0].tracks)),
    }


def cross_score(data: DefaultData, *, trainer: Trainer, n_folds: int, seed: int) -> TrackScores:
    """Score every fitting track by a model that has heard none of its artist's tracks.

    Parameters
    ----------
    data : DefaultData
        Only the fitting tracks and the second collection are used: never the test.
    trainer : Trainer
        Fits, once a fold.
    n_folds : int
        Number of folds of artists.
    seed : int
        Seeds every fit.
    """
    return join_scores(list(fold_scores(data, trainer=trainer, n_folds=n_folds, seed=seed)))


def fold_scores(data: DefaultData, *, trainer: Trainer, n_folds: int, seed: int) -> Iterator[TrackScores]:
    """Give the scores of `cross_score` fold by fold."""
    folds = artist_folds(data.fitting.track_names, lists=data.lists, n_folds=n_folds)
    held_out = frozenset[str]().union(*folds)
    for fold in folds:
        if fold:
            training = join([data.fitting.of_tracks(held_out - fold), data.extra])
            yield trainer.fit_and_score(training, test=data.fitting.of_tracks(fold), seed=seed)
