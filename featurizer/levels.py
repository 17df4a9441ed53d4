"""Turns decoded samples into mono, and into whether a track is silent, clipped or not made of numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.mixing import mix_interleaved, mix_planar, peak_of
from featurizer.errors import InvalidSamplesError

_SILENCE_PEAK = 1e-4
"""Full scale is 1: -80 dB, three steps of 16 bits, above the dither of digital silence, below any music."""

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

    def downmix(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Average the channels, (L + R) / 2 whatever their layout, and count samples at full scale.

        The count comes before the average, which would hide a clipped channel. FFmpeg's own stereo downmix
        has a gain of 1.414 and moves features by up to 3.4 standard deviations.

        Parameters
        ----------
        samples : float32 array, shape [n, channels]
            As decoded. Quickest where frames, or channels, lie in one piece.

        Returns
        -------
        float32 array, shape [n], contiguous
            Memory of its own.
        """
        mono = np.empty(len(samples), dtype=np.float32)
        # Machine code is compiled for contiguous and writable arrays, though nothing is written.
        if samples.flags.f_contiguous and not samples.flags.c_contiguous:
            n_full_scale = mix_planar(np.require(samples.T, requirements=("C", "W")), mono)
        else:
            n_full_scale = mix_interleaved(np.require(samples, requirements=("C", "W")), mono)
        self.n_source_samples += samples.size
        self.n_full_scale += n_full_scale
        return mono

    def add_output(self, block: NDArray[np.float32]) -> None:
        """Follow the peak of the mono output.

        Parameters
        ----------
        block : float32 array, shape [n], contiguous and writable

        Raises
        ------
        InvalidSamplesError
            When a sample is NaN or infinite. Resampling spreads them, never hides them.
        """
        peak = peak_of(block)
        if not math.isfinite(peak):
            raise InvalidSamplesError("audio holds NaN or infinite samples: export it again without them")
        self.peak = max(self.peak, peak)


def warm_up() -> None:
    """Load what a meter runs, or compile it, so that the first track does not pay for it."""
    meter = LevelMeter()
    for order in ("C", "F"):
        meter.add_output(meter.downmix(np.zeros((2, 2), dtype=np.float32, order=order)))
