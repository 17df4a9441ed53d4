"""Turns spectrograms into those of their harmonic parts by median filtering."""

from __future__ import annotations

import torch

from featurizer.gpu.median import sliding_median
from featurizer.tables import FLOAT32_TINY


def harmonic_spectrogram(spectrogram: torch.Tensor, *, magnitude: torch.Tensor, kernel: int) -> torch.Tensor:
    """Scale a spectrogram by its harmonic mask, as ``librosa.decompose.hpss`` does with its defaults.

    Fitzgerald (2010), power 2, margin 1: at that margin the two masks add up to 1, so the percussive part is
    what the harmonic part leaves of the samples: one inverse transform instead of two.

    Parameters
    ----------
    spectrogram : torch.Tensor, shape [batch, n_frames, n_bins], complex64
    magnitude : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0
        Magnitude of `spectrogram`.
    kernel : int
        Length of the medians, in frames along time and in bins along frequency.

    Returns
    -------
    torch.Tensor, shape [batch, n_frames, n_bins], complex64
    """
    along_time = sliding_median(magnitude, size=kernel)
    along_frequency = sliding_median(magnitude.transpose(1, 2).contiguous(), size=kernel).transpose(1, 2)
    mask = soft_mask(along_time, along_frequency)
    # Scaling both parts is half the work of a complex product.
    return torch.view_as_complex(torch.view_as_real(spectrogram) * mask[..., None])


def soft_mask(wanted: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Give the share of `wanted` in the power of both: ``librosa.util.softmask(power=2, split_zeros=True)``.

    Parameters
    ----------
    wanted, other : torch.Tensor, equal shapes, float32, at least 0

    Returns
    -------
    torch.Tensor, float32, in [0, 1]
        0.5 where both are zero.
    """
    scale = torch.maximum(wanted, other)
    silent = scale < FLOAT32_TINY
    scale = torch.where(silent, 1.0, scale)
    wanted = (wanted / scale).square_()
    other = (other / scale).square_()
    return torch.where(silent, 0.5, wanted / (wanted + other))
