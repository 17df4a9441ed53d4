"""Turns numbers into exactly what numpy makes of them, where a last place reaches a feature."""

from __future__ import annotations

import numpy as np
import torch


def magnitude(spectrogram: torch.Tensor) -> torch.Tensor:
    """Take the modulus of complex64 numbers as numpy rounds it.

    numpy's modulus is not correctly rounded: a third of its results differ in the last place from torch's.
    That decides which bins of a flat spectrum (a click's) are peaks, hence its tuning, and moves
    ``chroma_stft_var`` of clicks by up to 0.03 standard deviations. On CUDA torch is asked, and clicks do
    differ by that much. On a CPU numpy's is also ten times as fast as torch's.

    Parameters
    ----------
    spectrogram : torch.Tensor, any shape, complex64

    Returns
    -------
    torch.Tensor, same shape and device, float32, at least 0
    """
    if spectrogram.device.type == "cpu":
        return torch.from_numpy(np.abs(spectrogram.numpy()))
    return spectrogram.abs()


def log2(values: torch.Tensor) -> torch.Tensor:
    """Take the float32 base-2 logarithm as numpy rounds it.

    numpy's vectorised logarithm is not correctly rounded: on AVX-512 1.4% of its results differ in the last
    place from a double-precision logarithm rounded to single. That changed the tuning of none of 608
    windows of music, but it can. So numpy itself is asked, on a GPU as well: there the few thousand values
    a window make a short round trip, which the peaks' selection has waited for anyway.

    Parameters
    ----------
    values : torch.Tensor, any shape, float32, above 0

    Returns
    -------
    torch.Tensor, same shape and device, float32
    """
    return torch.from_numpy(np.log2(values.cpu().numpy())).to(values.device)


def cumulative_sum(values: torch.Tensor) -> torch.Tensor:
    """Add up the last axis in order, rounding each sum to float32, as ``numpy.cumsum`` does.

    On a CPU torch carries the sum in double, and numpy is asked. On CUDA torch splits a contiguous axis among
    threads, but adds along a strided one in order, one thread a lane.

    Parameters
    ----------
    values : torch.Tensor, shape [batch, rows, n], float32

    Returns
    -------
    torch.Tensor, shape [batch, rows, n], float32
    """
    if values.device.type == "cpu":
        return torch.from_numpy(np.cumsum(values.numpy(), axis=-1))
    return values.transpose(1, 2).contiguous().cumsum(1).transpose(1, 2)
