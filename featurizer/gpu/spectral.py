"""Turns magnitude spectrograms into centroid, bandwidth and roll-off frequencies, frame by frame."""

from __future__ import annotations

import torch

from featurizer.gpu.rounding import cumulative_sum
from featurizer.spec import FeatureSpec
from featurizer.tables import FLOAT32_TINY, bin_frequencies


class SpectralShape:
    """Centroid, bandwidth and roll-off as ``librosa.feature.spectral_*`` of librosa 0.11 give them.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the roll-off's share.
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        self._rolloff_percent = spec.rolloff_percent
        self._bin_hz = spec.sample_rate / spec.n_fft
        self._frequency = torch.from_numpy(bin_frequencies(spec)).to(device)

    def centroid_and_bandwidth(self, magnitude: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the magnitude-weighted mean and standard deviation of the bins' frequencies.

        Parameters
        ----------
        magnitude : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0

        Returns
        -------
        centroid, bandwidth : torch.Tensor, shape [batch, n_frames], float64, Hz
            Both 0 in a silent frame.
        """
        weight = magnitude.double()
        total = weight.sum(-1)
        total = torch.where(total < FLOAT32_TINY, 1.0, total)
        centroid = (weight @ self._frequency) / total
        deviation = self._frequency - centroid[..., None]
        bandwidth = ((weight * deviation.square_()).sum(-1) / total).sqrt()
        return centroid, bandwidth

    def rolloff(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Give the lowest frequency below which at least `rolloff_percent` of the magnitude lies.

        Parameters
        ----------
        magnitude : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0

        Returns
        -------
        torch.Tensor, shape [batch, n_frames], float64, Hz
        """
        cumulative = cumulative_sum(magnitude)
        below = cumulative < self._rolloff_percent * cumulative[..., -1:]
        return below.sum(-1).double() * self._bin_hz
