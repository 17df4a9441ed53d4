"""Turns the probabilities of a track's parts, as they come, into whether its label has settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from consumer.window_settings import EarlyStopSettings
from modelzoo.aggregate import sharpen
from modelzoo.manifest import Manifest


class Settling:
    """One track's verdicts so far; owned by the pipeline's thread.

    The verdict after each part is that of `modelzoo.aggregate.decide` on all windows until then.

    Parameters
    ----------
    manifest : Manifest
        Describes the model that gives the probabilities.
    rule : EarlyStopSettings
        When a label has settled; its confidence is not null.
    """

    def __init__(self, manifest: Manifest, *, rule: EarlyStopSettings) -> None:
        self._manifest = manifest
        self._rule = rule
        self._sums = np.zeros(len(manifest.genres))
        self._n_windows = 0
        self._top = -1
        self._in_a_row = 0

    def add(self, probabilities: NDArray[np.float32]) -> bool:
        """Take the next part's probabilities, float32 [n, n_genres], n at least 1; say if it has settled."""
        self._sums += probabilities.sum(axis=0, dtype=np.float64)
        self._n_windows += len(probabilities)
        temperature = self._manifest.bucket_for(self._n_windows).temperature
        calibrated = sharpen(self._sums / self._sums.sum(), temperature)
        top = int(calibrated.argmax())
        is_sure = self._rule.confidence is not None and calibrated[top] >= self._rule.confidence
        self._in_a_row = (self._in_a_row + 1 if top == self._top else 1) if is_sure else 0
        self._top = top
        return self._in_a_row >= self._rule.parts
