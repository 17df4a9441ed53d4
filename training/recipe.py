"""Turns the numbers of a fit into one frozen `Recipe`; light, so that a command's help can name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The numbers of a fit, chosen on training and validation artists only.

    Attributes
    ----------
    epochs : int
        Passes over the table.
    batch_size : int
        Windows a step.
    learning_rate : float
        Its greatest value; it rises over the first tenth of the steps and falls as a cosine.
    weight_decay : float
        Of AdamW.
    label_smoothing : float
        Share of each target spread evenly over the genres, in [0, 1).
    gain_db : float
        Each window is played louder or softer by up to this many decibels, drawn anew each epoch: uploads are
        mastered to any loudness, and loudness says more about a collection than about a genre.
    extra_weight : float
        How much a window of the second collection counts, where GTZAN's count 1: it sounds different, and its
        labels follow other habits.
    clip : float
        Limit of standardised features, in standard deviations.
    """

    epochs: int = 15
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    gain_db: float = 6.0
    extra_weight: float = 0.3
    clip: float = 5.0
