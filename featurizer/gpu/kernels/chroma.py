"""Turns power spectrograms and tunings into chroma, looking up each window's filters where they lie."""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl

from featurizer.gpu.kernels.rounding import EXACT
from featurizer.tables import FLOAT32_TINY

FRAMES: Final = 32
BINS: Final = 64
COLUMNS: Final = 16
"""A block of the matrix product: frames by bins, times bins by pitch classes, padded to a power of two."""


def chroma(power: torch.Tensor, *, tuning: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Give each frame's pitch classes as `featurizer.gpu.chroma.Chroma` does, to 1e-5 of the strongest.

    Parameters
    ----------
    power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0
        `n_bins` is a multiple of `BINS` and one; rows may be padded.
    tuning : torch.Tensor, shape [batch], int64
        Index of each window's filters.
    filters : torch.Tensor, shape [n_tunings, n_bins, n_chroma], float32, contiguous

    Returns
    -------
    torch.Tensor, shape [batch, n_frames, n_chroma], float32, in [0, 1]
    """
    batch, n_frames, n_bins = power.shape
    n_chroma = filters.shape[2]
    result = torch.empty(batch, n_frames, n_chroma, device=power.device)
    _project[(triton.cdiv(n_frames, FRAMES), batch)](
        power,
        tuning,
        filters,
        result,
        n_frames,
        power.stride(1),
        HALF=n_bins - 1,
        N_CHROMA=n_chroma,
        FRAMES=FRAMES,
        BINS=BINS,
        COLUMNS=COLUMNS,
        TINY=FLOAT32_TINY,
        num_warps=4,
        **EXACT,
    )
    return result


@triton.jit
def _project(
    power,
    tuning,
    filters,
    chroma,
    n_frames,
    row_stride,
    HALF: tl.constexpr,
    N_CHROMA: tl.constexpr,
    FRAMES: tl.constexpr,
    BINS: tl.constexpr,
    COLUMNS: tl.constexpr,
    TINY: tl.constexpr,
):
    """One program a block of frames of one window."""
    window = tl.program_id(1).to(tl.int64)
    frame = tl.program_id(0) * FRAMES + tl.arange(0, FRAMES)
    inside = frame < n_frames
    column = tl.arange(0, COLUMNS)
    bin_ = tl.arange(0, BINS)
    rows = power + (window * n_frames + frame) * row_stride
    bank = filters + tl.load(tuning + window) * (HALF + 1) * N_CHROMA
    total = tl.zeros([FRAMES, COLUMNS], tl.float32)
    for first in range(0, HALF, BINS):
        left = tl.load(rows[:, None] + (first + bin_)[None, :], mask=inside[:, None], other=0.0)
        right = tl.load(
            bank + (first + bin_)[:, None] * N_CHROMA + column[None, :],
            mask=column[None, :] < N_CHROMA,
            other=0.0,
        )
        total = tl.dot(left, right, total, input_precision="ieee")
    last = tl.load(rows + HALF, mask=inside, other=0.0)
    total += (
        last[:, None] * tl.load(bank + HALF * N_CHROMA + column, mask=column < N_CHROMA, other=0.0)[None, :]
    )
    strongest = tl.max(total, axis=1)
    scale = tl.where(strongest < TINY, 1.0, strongest)
    place = (window * n_frames + frame)[:, None] * N_CHROMA + column[None, :]
    tl.store(
        chroma + place,
        tl.div_rn(total, tl.broadcast_to(scale[:, None], [FRAMES, COLUMNS])),
        mask=inside[:, None] & (column[None, :] < N_CHROMA),
    )
