"""Turns samples that pass by into whether a track is silent, clipped or not made of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.errors import InvalidSamplesError

_SILENCE_PEAK = 1e-4
"""Full scale is 1: -80 dB, three steps of 16 bits, above the dither of digital silence, below any music."""

_FULL_SCALE = 0.9999
"""Full scale is 1: the three outermost steps of 16 bits; 8 bits and lossy codecs reach or overshoot it."""

_CLIPPED_SHARE = 1e-3


class LevelMeter:
    """Measure a track as it is decoded. One thread at a time; nothing here blocks.

    Attributes
    ----------
    peak : float
        Greatest absolute sample of the mono output so far.
    n_source_samples, n_full_scale : int
        Samples of all source channels so far, and those of them at full scale or beyond.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self.n_source_samples = 0
        self.n_full_scale = 0

    @property
    def is_silent(self) -> bool:
        """Whether no sample of the mono output rises above -80 dB of full scale."""
        return self.peak <= _SILENCE_PEAK

    @property
    def full_scale_share(self) -> float:
        """Share of the source's samples at full scale, in [0, 1]."""
        return self.n_full_scale / self.n_source_samples if self.n_source_samples else 0.0

    @property
    def is_clipped(self) -> bool:
        """Whether so many samples are at full scale that the recording was cut off there."""
        return self.full_scale_share > _CLIPPED_SHARE

    def add_source(self, samples: NDArray[np.float32]) -> None:
        """Count samples at full scale.

        Parameters
        ----------
        samples : float32 array, shape [n, channels]
            As decoded, before the downmix, which would hide a clipped channel.
        """
        self.n_source_samples += samples.size
        # Most blocks never reach full scale: two cheap reductions spare them the comparison.
        if samples.size and max(float(samples.max()), -float(samples.min())) >= _FULL_SCALE:
            self.n_full_scale += int(np.count_nonzero(np.abs(samples) >= _FULL_SCALE))

    def add_output(self, block: NDArray[np.float32]) -> None:
        """Follow the peak of the mono output.

        Parameters
        ----------
        block : float32 array, shape [n], n > 0

        Raises
        ------
        InvalidSamplesError
            When a sample is NaN or infinite. Resampling spreads them, never hides them.
        """
        peak = max(float(block.max()), -float(block.min()))
        if not np.isfinite(peak):
            raise InvalidSamplesError("audio holds NaN or infinite samples: export it again without them")
        self.peak = max(self.peak, peak)
