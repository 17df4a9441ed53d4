"""Turns power spectrograms and tunings into chroma: the share of each pitch class, frame by frame."""

from __future__ import annotations

import torch

from featurizer.gpu.tuning import TuningEstimator
from featurizer.spec import FeatureSpec
from featurizer.tables import FLOAT32_TINY, chroma_filter_banks


class Chroma:
    """Chroma as ``librosa.feature.chroma_stft`` gives it, the tuning estimated from each window itself.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the number of pitch classes.
    device : torch.device
        Where the constants live.

    Attributes
    ----------
    filters : torch.Tensor, shape [n_tunings, n_bins, n_chroma], float32
        The filters of each tuning.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        self._tuning = TuningEstimator(spec, device=device)
        banks = chroma_filter_banks(spec).transpose(0, 2, 1).copy()
        self.filters: torch.Tensor = torch.from_numpy(banks).to(device)

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
        raw = power @ self.filters[self._tuning(power)]
        peak = raw.amax(-1, keepdim=True)
        return raw / torch.where(peak < FLOAT32_TINY, 1.0, peak)
