"""Turns magnitudes into both medians and the harmonic mask, and scales the spectrogram by it, in one pass."""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl

from featurizer.gpu.kernels.median_31 import N_OUTPUTS, SIZE, medians
from featurizer.gpu.kernels.rounding import EXACT
from featurizer.tables import FLOAT32_TINY

FRAMES: Final = 16
BINS: Final = 128
"""A tile: each of its 128 lanes takes 16 medians along time and 16 along frequency."""


def scale_to_harmonic(spectrogram: torch.Tensor, *, magnitude: torch.Tensor) -> None:
    """Scale a spectrogram in place by its harmonic mask, with the bits of `featurizer.gpu.hpss`.

    Parameters
    ----------
    spectrogram : torch.Tensor, shape [batch, n_frames, n_bins], complex64, contiguous
        Becomes the harmonic part's.
    magnitude : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0
        Magnitude of `spectrogram`; rows may be padded.

    Raises
    ------
    ValueError
        If there are fewer frames or bins than half a median and one: the mirror would be left behind.
    """
    batch, n_frames, n_bins = magnitude.shape
    if min(n_frames, n_bins) <= SIZE // 2:
        raise ValueError(f"too few frames or bins for a median of {SIZE}: shape={tuple(magnitude.shape)}")
    _scale_tile[(triton.cdiv(n_bins, BINS), triton.cdiv(n_frames, FRAMES), batch)](
        torch.view_as_real(spectrogram),
        magnitude,
        n_frames,
        n_bins,
        magnitude.stride(1),
        FRAMES=FRAMES,
        BINS=BINS,
        RUN=N_OUTPUTS,
        REACH=SIZE // 2,
        TINY=FLOAT32_TINY,
        num_warps=4,
        **EXACT,
    )


@triton.jit
def _soft_mask(wanted, other, TINY: tl.constexpr):
    scale = tl.maximum(wanted, other)
    silent = scale < TINY
    scale = tl.where(silent, 1.0, scale)
    wanted = tl.div_rn(wanted, scale)
    other = tl.div_rn(other, scale)
    wanted, other = wanted * wanted, other * other
    total = wanted + other
    return tl.where(silent, 0.5, tl.div_rn(wanted, tl.where(silent, 1.0, total)))


@triton.jit
def _scale_tile(
    spectrum,
    magnitude,
    n_frames,
    n_bins,
    row_stride,
    FRAMES: tl.constexpr,
    BINS: tl.constexpr,
    RUN: tl.constexpr,
    REACH: tl.constexpr,
    TINY: tl.constexpr,
):
    """One program a tile of frames by bins of one window.

    A lane takes a run of neighbouring medians: along time its lanes are the tile's bins, along frequency its
    frames by its runs of bins. Joining the runs gives the same tile both times.
    """
    window = tl.program_id(2).to(tl.int64)
    first_frame, first_bin = tl.program_id(1) * FRAMES, tl.program_id(0) * BINS
    frame = first_frame + tl.arange(0, FRAMES)
    bin_ = first_bin + tl.arange(0, BINS)
    rows = magnitude + window * n_frames * row_stride

    # Lanes beyond the edge read the last frame or bin and are not stored.
    run_of_bins = first_bin - REACH + RUN * tl.arange(0, BINS // RUN)[None, :]
    row = rows + (tl.minimum(frame, n_frames - 1) * row_stride)[:, None]
    along_frequency = tl.reshape(medians(row, run_of_bins, n_bins, 1), [FRAMES, BINS])

    run_of_frames = first_frame - REACH + RUN * tl.arange(0, FRAMES // RUN)[:, None]
    column = rows + tl.minimum(bin_, n_bins - 1)[None, :]
    along_time = tl.permute(medians(column, run_of_frames, n_frames, row_stride), (0, 2, 1))
    along_time = tl.reshape(along_time, [FRAMES, BINS])

    mask = _soft_mask(along_time, along_frequency, TINY)
    inside = (frame < n_frames)[:, None, None] & (bin_ < n_bins)[None, :, None]
    place = (window * n_frames + frame)[:, None, None] * n_bins + bin_[None, :, None]
    pointers = spectrum + 2 * place + tl.arange(0, 2)[None, None, :]
    parts = tl.load(pointers, mask=inside, other=0.0)
    tl.store(pointers, parts * mask[:, :, None], mask=inside)
