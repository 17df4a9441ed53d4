"""Turns the numbers of a fit into one frozen `Recipe`; light, so that a command's help can name them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self


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
    mixup_alpha : float
        Windows are mixed in pairs by a share drawn from Beta(alpha, alpha), anew each step; 0 mixes none.
        Source: Zhang, Cisse, Dauphin and Lopez-Paz, "mixup: beyond empirical risk minimization", 2018.
    class_balance : float
        Power of a genre's inverse frequency that its windows' weights are multiplied by: 0 leaves them as
        they are, 1 lets every genre count the same.
    dropout : float
        Share of each hidden layer's units that a step leaves out, in [0, 1).
    hidden_units : tuple of int
        Units of each hidden layer, first to last.
    """

    epochs: int = 15
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    gain_db: float = 6.0
    extra_weight: float = 0.3
    clip: float = 5.0
    mixup_alpha: float = 0.0
    class_balance: float = 0.0
    dropout: float = 0.2
    hidden_units: tuple[int, ...] = (256, 128, 64)

    def lasting(self, steps: int, *, n_rows: int) -> Self:
        """Choose the epochs so that a fit takes about so many optimiser steps, whatever the table's length.

        Parameters
        ----------
        steps : int
            At least 1.
        n_rows : int
            Rows of the table, at least 1.
        """
        return replace(self, epochs=max(1, round(steps / math.ceil(n_rows / self.batch_size))))
