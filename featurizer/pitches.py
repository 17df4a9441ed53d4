"""Turns pitches into hundredths of a semitone as librosa's numpy rounds them; both back ends ask here.

In a fifth of all windows two tunings tie, so that the last place of a logarithm decides between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec
from featurizer.tables import A0_HZ, N_TUNINGS, pitch_bins, tuning_edges


def pitch_step(pitch: NDArray[np.float32], *, n_chroma: int) -> NDArray[np.int64]:
    """Count a pitch's hundredths of a semitone as ``librosa.pitch_tuning`` and ``numpy.histogram`` do.

    Parameters
    ----------
    pitch : numpy.ndarray, any shape, float32, Hz, above 0
    n_chroma : int
        Semitones an octave.

    Returns
    -------
    numpy.ndarray, same shape, int64
        The tuning bin, plus 100 for each semitone from A0 to the pitch's nearest.
    """
    semitones = n_chroma * np.log2(pitch / np.float32(A0_HZ))
    below = np.floor(semitones)
    deviation = semitones - below
    upper = deviation >= 0.5
    deviation = np.where(upper, deviation - 1, deviation)
    bins = np.searchsorted(tuning_edges(), deviation.astype(np.float64), side="right") - 1
    steps: NDArray[np.int64] = bins + N_TUNINGS * (below + upper).astype(np.int64)
    return steps


def pitch_limits(spec: FeatureSpec) -> tuple[float, float]:
    """Return bounds of all pitches in Hz: a parabola moves a peak by less than a bin."""
    first, end = pitch_bins(spec)
    bin_hz = spec.sample_rate / spec.n_fft
    return (first - 1) * bin_hz, end * bin_hz
