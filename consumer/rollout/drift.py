"""Turns the latest labelled tracks into gauges of how far they are from what the live model was fitted to.

The figure is the population stability index (see `modelzoo.drift`) of the rolling last tracks. Every track
counts the same, however long it is. It is shown from `LEAST_DRIFT_TRACKS` tracks on: with fewer, chance alone
moves it by what would be an alarm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.model_metrics import ModelMetrics
from consumer.model_settings import LEAST_DRIFT_TRACKS
from consumer.pipeline.heard import HeardTrack
from modelzoo.drift import bin_shares, stability_index
from modelzoo.manifest import Manifest

_SHOW_SECONDS: Final = 1.0
"""Nobody reads gauges more often."""
_LIVE: Final = "live"

FEATURE, LABEL, CONFIDENCE = "feature", "label", "confidence"
MAX, MEAN = "max", "mean"


class RollingShares:
    """The mean of the latest rows of shares.

    Parameters
    ----------
    size : int
        How many rows it holds at most.
    shape : tuple of int
        Of a row.
    """

    def __init__(self, size: int, *, shape: tuple[int, ...]) -> None:
        # float32 halves the memory: 5 MB for 2,000 tracks of 57 features.
        self._rows: NDArray[np.float32] = np.zeros((size, *shape), dtype=np.float32)
        self._sum = np.zeros(shape)
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, len(self._rows))

    def add(self, row: NDArray[np.float64]) -> None:
        """Take a row, and forget the oldest where it is full."""
        place = self._added % len(self._rows)
        if place == 0:  # what rounding has left in the sum goes with each round
            self._sum = self._rows.sum(axis=0, dtype=np.float64)
        self._sum -= self._rows[place]
        self._rows[place] = row
        self._sum += self._rows[place]
        self._added += 1

    def mean(self) -> NDArray[np.float64]:
        """Give the mean of the rows; there is at least one."""
        return self._sum / len(self)


class DriftMonitor:
    """Watches the tracks that the live model labels; another live model begins anew. One thread at a time.

    Parameters
    ----------
    metrics : ModelMetrics
        Holds the gauges.
    tracks : int
        How many tracks it remembers.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self, metrics: ModelMetrics, *, tracks: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._size = tracks
        self._clock = clock
        self._sha256 = ""
        self._rulers: tuple[_Ruler, ...] = ()
        self._rolling: tuple[RollingShares, ...] = ()
        self._n_tracks = 0
        self._shown_at = -np.inf

    def __call__(self, heard: HeardTrack) -> None:
        """Take a track; canary tracks are none of the live model's."""
        if heard.role != _LIVE:
            return
        if heard.manifest.sha256 != self._sha256:
            self._begin(heard.manifest)
        for ruler, rolling in zip(self._rulers, self._rolling, strict=True):
            rolling.add(ruler.shares(heard))
        self._n_tracks = min(self._n_tracks + 1, self._size)
        now = self._clock()
        if now - self._shown_at >= _SHOW_SECONDS:
            self._shown_at = now
            self.show()

    def show(self) -> None:
        """Set the gauges."""
        self._metrics.drift_tracks.set(self._n_tracks)
        if self._n_tracks < LEAST_DRIFT_TRACKS:
            return
        for ruler, rolling in zip(self._rulers, self._rolling, strict=True):
            for feature, index in ruler.indices(rolling.mean()).items():
                self._metrics.drift_psi.labels(ruler.kind, feature).set(index)

    def _begin(self, manifest: Manifest) -> None:
        self._sha256 = manifest.sha256
        self._n_tracks = 0
        self._metrics.drift_psi.clear()
        made = (_of_features(manifest), _of_labels(manifest), _of_confidence(manifest))
        self._rulers = tuple(ruler for ruler in made if ruler is not None)
        self._rolling = tuple(
            RollingShares(self._size, shape=ruler.reference.shape) for ruler in self._rulers
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Ruler:
    """Measures one kind: `shares` turns a track into a row (or one row a name) as `reference` has them."""

    kind: str
    names: tuple[str, ...]
    reference: NDArray[np.float64]
    shares: Callable[[HeardTrack], NDArray[np.float64]]

    def indices(self, mean: NDArray[np.float64]) -> dict[str, float]:
        values = np.atleast_1d(stability_index(mean, reference=self.reference)).tolist()
        found = dict(zip(self.names, values, strict=True))
        return found | {MAX: max(values), MEAN: float(np.mean(values))} if self.kind == FEATURE else found


def _of_features(manifest: Manifest) -> _Ruler | None:
    if not manifest.drift_shares:
        return None
    names = manifest.feature_names
    edges = np.array([manifest.drift_reference[name] for name in names])
    reference = np.array([manifest.drift_shares[name] for name in names])
    return _Ruler(FEATURE, names, reference, lambda heard: bin_shares(heard.features, edges=edges))


def _of_labels(manifest: Manifest) -> _Ruler | None:
    if manifest.label_reference is None:
        return None
    shares = manifest.label_reference.shares
    places = {genre: place for place, genre in enumerate(manifest.genres)}
    reference = np.array([*(shares[genre] for genre in places), manifest.label_reference.abstained])

    def row(heard: HeardTrack) -> NDArray[np.float64]:
        indicator = np.zeros(len(reference))
        indicator[-1 if heard.label.genre is None else places[heard.label.genre]] = 1.0
        return indicator

    return _Ruler(LABEL, ("",), reference, row)


def _of_confidence(manifest: Manifest) -> _Ruler | None:
    if manifest.confidence_reference is None:
        return None
    edges = np.array([manifest.confidence_reference.edges])
    reference = np.array(manifest.confidence_reference.shares)

    def row(heard: HeardTrack) -> NDArray[np.float64]:
        of_all: NDArray[np.float64] = bin_shares(np.array([[heard.label.confidence]]), edges=edges)[0]
        return of_all

    return _Ruler(CONFIDENCE, ("",), reference, row)
