"""Turns samples into loudness (RMS) and zero-crossing rate, frame by frame, without a spectrum."""

from __future__ import annotations

import torch

from featurizer.spec import FeatureSpec
from featurizer.tables import ZERO_THRESHOLD


def rms(windows: torch.Tensor, *, spec: FeatureSpec) -> torch.Tensor:
    """Give each frame's root mean square, as ``librosa.feature.rms(y=...)`` does: padded with zeros.

    Parameters
    ----------
    windows : torch.Tensor, shape [batch, window_samples], float32
    spec : FeatureSpec
        Gives frame length and step.

    Returns
    -------
    torch.Tensor, shape [batch, n_frames], float64, in the samples' unit
    """
    half = spec.n_fft // 2
    power = torch.nn.functional.pad(windows.square(), (half, half))
    return _frame_sums(power, spec=spec, dtype=torch.float64).div_(spec.n_fft).sqrt_()


def zero_crossing_rate(windows: torch.Tensor, *, spec: FeatureSpec) -> torch.Tensor:
    """Give the share of samples at which the sign changes, as ``librosa.feature.zero_crossing_rate`` does.

    Parameters
    ----------
    windows : torch.Tensor, shape [batch, window_samples], float32
    spec : FeatureSpec
        Gives frame length and step.

    Returns
    -------
    torch.Tensor, shape [batch, n_frames], float64, in [0, 1]
    """
    half = spec.n_fft // 2
    negative = windows < -ZERO_THRESHOLD
    crossing = negative[:, 1:] != negative[:, :-1]
    # Sample 0 and the padding, which repeats the edge samples, never cross.
    padded = torch.nn.functional.pad(crossing, (half + 1, half))
    # A frame does not see the sample before its first, so the first never counts.
    first = padded[:, : spec.n_frames * spec.hop_length : spec.hop_length]
    count = _frame_sums(padded, spec=spec, dtype=torch.int32) - first.int()
    return count.double() / spec.n_fft


def _frame_sums(padded: torch.Tensor, *, spec: FeatureSpec, dtype: torch.dtype) -> torch.Tensor:
    """Add up the samples of each frame [batch, n_frames]: hops first, so that each sample is read once."""
    hops_a_frame = spec.n_fft // spec.hop_length
    n_hops = spec.n_frames - 1 + hops_a_frame
    samples = padded[:, : n_hops * spec.hop_length]
    hops = samples.reshape(len(padded), n_hops, spec.hop_length).sum(-1, dtype=dtype)
    return hops.unfold(1, hops_a_frame, 1).sum(-1, dtype=dtype)
