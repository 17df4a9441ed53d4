"""Turns power spectrograms and tunings into chroma: the share of each pitch class, frame by frame."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.eager.spectral import FLOAT32_TINY
from featurizer.eager.tuning import A0_HZ, N_TUNINGS, TuningEstimator, tuning_edges
from featurizer.spec import FeatureSpec

CENTRE_OCTAVE = 5.0
OCTAVE_WIDTH = 2.0
"""Octaves are weighted by a Gaussian of this centre (above A0) and width (``librosa.filters.chroma``)."""


class Chroma:
    """Chroma as ``librosa.feature.chroma_stft`` gives it, the tuning estimated from each window itself.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the number of pitch classes.
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        self._tuning = TuningEstimator(spec, device=device)
        banks = np.stack(
            [chroma_filters(spec, tuning=float(tuning)).T for tuning in tuning_edges()[:N_TUNINGS]]
        )
        self._filters = torch.from_numpy(banks).to(device)

    def __call__(self, power: torch.Tensor) -> torch.Tensor:
        """Give each frame's pitch classes, the strongest scaled to 1.

        Parameters
        ----------
        power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0

        Returns
        -------
        torch.Tensor, shape [batch, n_frames, n_chroma], float32, in [0, 1]
            All 0 in a silent frame.
        """
        raw = power @ self._filters[self._tuning(power)]
        peak = raw.amax(-1, keepdim=True)
        return raw / torch.where(peak < FLOAT32_TINY, 1.0, peak)


def chroma_filters(spec: FeatureSpec, *, tuning: float) -> NDArray[np.float32]:
    """Build the filters that project a power spectrum onto pitch classes, as ``librosa.filters.chroma`` does.

    Parameters
    ----------
    spec : FeatureSpec
        Gives ``sample_rate``, ``n_fft`` and ``n_chroma``.
    tuning : float
        Deviation from A = 440 Hz in semitones, in [-0.5, 0.5).

    Returns
    -------
    numpy.ndarray, shape [n_chroma, n_fft / 2 + 1], float32
        Pitch classes from C upwards.
    """
    n_chroma = spec.n_chroma
    # One bin more than the spectrum has, for the width of its last.
    hz = np.arange(1, spec.n_fft // 2 + 2) * (spec.sample_rate / spec.n_fft)
    semitone = n_chroma * np.log2(hz / (A0_HZ * 2.0 ** (tuning / n_chroma)))
    # 0 Hz has no logarithm: librosa puts it one and a half octaves below the first bin.
    semitone = np.concatenate(([semitone[0] - 1.5 * n_chroma], semitone))
    width = np.maximum(np.diff(semitone), 1.0)
    semitone = semitone[:-1]
    half = n_chroma // 2
    distance = np.remainder(semitone - np.arange(n_chroma)[:, None] + half, n_chroma) - half
    weight = np.exp(-0.5 * (2 * distance / width) ** 2)
    weight /= np.sqrt((weight**2).sum(0))
    weight *= np.exp(-0.5 * ((semitone / n_chroma - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    # Semitones count from A, pitch classes from C: three up.
    return np.roll(weight, -3 * (n_chroma // 12), axis=0).astype(np.float32)
