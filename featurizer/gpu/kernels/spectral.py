"""Turns spectrograms into magnitude, power, centroid, bandwidth and roll-off, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl

from featurizer.gpu.kernels.rounding import EXACT, modulus
from featurizer.spec import FeatureSpec
from featurizer.tables import FLOAT32_TINY

ROW_ALIGNMENT: Final = 32
"""Rows of magnitudes begin at multiples of 128 bytes, a cache line; 1,025 bins alone are not aligned."""
LANES: Final = 32
"""Frames to a program of the roll-off, one a lane: a warp."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """What one pass over a spectrogram gives.

    Attributes
    ----------
    spectrogram : torch.Tensor, shape [batch, n_frames, n_bins], complex64
        The spectrogram, rounded to single.
    magnitude, power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0
        Views of rows padded to `ROW_ALIGNMENT`.
    loudest : torch.Tensor, shape [batch, n_frames], float32
        Greatest power of each frame.
    centroid, bandwidth, rolloff : torch.Tensor, shape [batch, n_frames], float64, Hz
    """

    spectrogram: torch.Tensor
    magnitude: torch.Tensor
    power: torch.Tensor
    loudest: torch.Tensor
    centroid: torch.Tensor
    bandwidth: torch.Tensor
    rolloff: torch.Tensor


def reduce_spectrogram(spectrogram: torch.Tensor, *, spec: FeatureSpec) -> Spectrum:
    """Compute all that `featurizer.gpu.spectral.SpectralShape` and `featurizer.gpu.rounding.magnitude` give.

    Magnitude, power, maximum and roll-off have the same bits; centroid and bandwidth add up the same doubles
    in another order (1e-12 of their value).

    Parameters
    ----------
    spectrogram : torch.Tensor, shape [batch, n_frames, n_bins], complex64 or complex128, contiguous
        `n_bins` is a power of two and one.
    spec : FeatureSpec
        Gives the frequencies of the bins and the roll-off's share.
    """
    batch, n_frames, n_bins = spectrogram.shape
    width = -(-n_bins // ROW_ALIGNMENT) * ROW_ALIGNMENT
    place = spectrogram.device
    magnitude, power = (torch.empty(batch, n_frames, width, device=place) for _ in range(2))
    loudest = torch.empty(batch, n_frames, device=place)
    centroid, bandwidth, rolloff = (
        torch.empty(batch, n_frames, dtype=torch.float64, device=place) for _ in range(3)
    )
    double = spectrogram.dtype == torch.complex128
    rounded = torch.empty_like(spectrogram, dtype=torch.complex64) if double else spectrogram
    bin_hz = spec.sample_rate / spec.n_fft
    n_rows = batch * n_frames
    _reduce_frame[(n_rows,)](
        torch.view_as_real(spectrogram),
        torch.view_as_real(rounded),
        magnitude,
        power,
        loudest,
        centroid,
        bandwidth,
        width,
        HALF=n_bins - 1,
        BIN_HZ=bin_hz,
        TINY=FLOAT32_TINY,
        DOUBLE=double,
        num_warps=4,
        **EXACT,
    )
    _find_rolloff[(triton.cdiv(n_rows, LANES),)](
        magnitude,
        rolloff,
        n_rows,
        width,
        HALF=n_bins - 1,
        BIN_HZ=bin_hz,
        PERCENT=spec.rolloff_percent,
        LANES=LANES,
        num_warps=1,
        **EXACT,
    )
    return Spectrum(
        spectrogram=rounded,
        magnitude=magnitude[..., :n_bins],
        power=power[..., :n_bins],
        loudest=loudest,
        centroid=centroid,
        bandwidth=bandwidth,
        rolloff=rolloff,
    )


@triton.jit
def _reduce_frame(
    spectrum,
    rounded,
    magnitude,
    power,
    loudest,
    centroid,
    bandwidth,
    width,
    HALF: tl.constexpr,
    BIN_HZ: tl.constexpr,
    TINY: tl.constexpr,
    DOUBLE: tl.constexpr,
):
    """One program a frame: the first HALF bins as one block, the last as scalars."""
    frame = tl.program_id(0).to(tl.int64)
    index = tl.arange(0, HALF)
    pair = 2 * index[:, None] + tl.arange(0, 2)[None, :]
    first = frame * (2 * HALF + 2)
    parts = tl.load(spectrum + first + pair)
    last_real = tl.load(spectrum + first + 2 * HALF)
    last_imaginary = tl.load(spectrum + first + 2 * HALF + 1)
    if DOUBLE:
        parts, last_real = parts.to(tl.float32), last_real.to(tl.float32)
        last_imaginary = last_imaginary.to(tl.float32)
        tl.store(rounded + first + pair, parts)
        tl.store(rounded + first + 2 * HALF, last_real)
        tl.store(rounded + first + 2 * HALF + 1, last_imaginary)
    real, imaginary = tl.split(parts)
    value, last = modulus(real, imaginary), modulus(last_real, last_imaginary)
    squared, last_squared = value * value, last * last
    tl.store(magnitude + frame * width + index, value)
    tl.store(magnitude + frame * width + HALF, last)
    tl.store(power + frame * width + index, squared)
    tl.store(power + frame * width + HALF, last_squared)
    tl.store(loudest + frame, tl.maximum(tl.max(squared, axis=0), last_squared))

    weight, last_weight = value.to(tl.float64), last.to(tl.float64)
    hertz, last_hertz = index.to(tl.float64) * BIN_HZ, HALF * BIN_HZ
    total = tl.sum(weight, axis=0) + last_weight
    total = tl.where(total < TINY, 1.0, total)
    middle = (tl.sum(weight * hertz, axis=0) + last_weight * last_hertz) / total
    spread = tl.sum(weight * (hertz - middle) * (hertz - middle), axis=0)
    spread += last_weight * (last_hertz - middle) * (last_hertz - middle)
    tl.store(centroid + frame, middle)
    tl.store(bandwidth + frame, tl.sqrt(spread / total))


@triton.jit
def _next_four(pointers, inside, LANES: tl.constexpr):
    """Read the next four bins of each lane's frame, in order."""
    four = tl.load(pointers[:, None] + tl.arange(0, 4)[None, :], mask=inside[:, None], other=0.0)
    even, odd = tl.split(tl.reshape(four, [LANES, 2, 2]))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def _find_rolloff(
    magnitude,
    rolloff,
    n_rows,
    width,
    HALF: tl.constexpr,
    BIN_HZ: tl.constexpr,
    PERCENT: tl.constexpr,
    LANES: tl.constexpr,
):
    """One lane a frame, because the sum is rounded bin by bin; the second pass reads from the cache."""
    row = tl.program_id(0) * LANES + tl.arange(0, LANES)
    inside = row < n_rows
    pointers = magnitude + row.to(tl.int64) * width
    last = tl.load(pointers + HALF, mask=inside, other=0.0)
    total = tl.zeros([LANES], tl.float32)
    for start in tl.range(0, HALF, 4, loop_unroll_factor=4):
        a, b, c, d = _next_four(pointers + start, inside, LANES)
        total = (((total + a) + b) + c) + d
    limit = (total + last) * PERCENT
    total = tl.zeros([LANES], tl.float32)
    count = tl.zeros([LANES], tl.int32)
    for start in tl.range(0, HALF, 4, loop_unroll_factor=4):
        a, b, c, d = _next_four(pointers + start, inside, LANES)
        total += a
        count += (total < limit).to(tl.int32)
        total += b
        count += (total < limit).to(tl.int32)
        total += c
        count += (total < limit).to(tl.int32)
        total += d
        count += (total < limit).to(tl.int32)
    count += ((total + last) < limit).to(tl.int32)
    tl.store(rolloff + row, count.to(tl.float64) * BIN_HZ, mask=inside)
