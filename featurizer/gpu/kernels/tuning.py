"""Turns power spectrograms into each window's tuning: peaks, median height, fullest histogram bin."""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl

from featurizer.gpu.kernels.rounding import EXACT
from featurizer.gpu.pitch_table import pitch_table
from featurizer.spec import FeatureSpec
from featurizer.tables import A0_HZ, N_TUNINGS, PEAK_SHARE, pitch_bins

BLOCK: Final = 1024
"""Peaks that a program looks at together; music has about 10 a frame, 1,300 a window."""


class TuningKernels:
    """Tuning with the bits of `featurizer.gpu.tuning.TuningEstimator`.

    One kernel finds the peaks and appends them, in any order, to their window's list; a second takes the
    median of each list by its bits, eight at a time, and counts the tunings of the peaks that reach it.
    Neither result depends on the order. The lists have room for a peak in every second bin.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the number of semitones an octave.
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        self._spec = spec
        self._table = pitch_table(spec)
        self._edges = torch.from_numpy(self._table.edges).to(device)
        self._first, end = pitch_bins(spec)
        self._n_pitches = end - self._first

    def __call__(self, power: torch.Tensor, *, loudest: torch.Tensor) -> torch.Tensor:
        """Estimate each window's tuning.

        Parameters
        ----------
        power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0
            Rows may be padded.
        loudest : torch.Tensor, shape [batch, n_frames], float32
            Greatest power of each frame.

        Returns
        -------
        torch.Tensor, shape [batch], int64
            Index into `tuning_edges`.
        """
        batch, n_frames, _ = power.shape
        capacity = n_frames * (-(-self._n_pitches // 2))
        height = torch.empty(batch, capacity, device=power.device)
        bins = torch.empty(batch, capacity, dtype=torch.int32, device=power.device)
        count = torch.zeros(batch, dtype=torch.int32, device=power.device)
        _find_peaks[(batch * n_frames,)](
            power,
            loudest,
            self._edges,
            height,
            bins,
            count,
            n_frames,
            power.stride(1),
            capacity,
            FIRST=self._first,
            N_PITCHES=self._n_pitches,
            WIDTH=triton.next_power_of_2(self._n_pitches),
            SAMPLE_RATE=float(self._spec.sample_rate),
            N_FFT=self._spec.n_fft,
            SHARE=PEAK_SHARE,
            A0=A0_HZ,
            STEPS_PER_OCTAVE=self._table.steps_per_octave,
            FIRST_STEP=self._table.first_step,
            N_EDGES=len(self._edges),
            N_BINS=N_TUNINGS,
            num_warps=4,
            **EXACT,
        )
        tuning = torch.empty(batch, dtype=torch.int64, device=power.device)
        _choose_tuning[(batch,)](
            height,
            bins,
            count,
            tuning,
            capacity,
            N_BINS=N_TUNINGS,
            ROOM=triton.next_power_of_2(N_TUNINGS),
            BLOCK=BLOCK,
            num_warps=4,
            **EXACT,
        )
        return tuning


@triton.jit
def _find_peaks(
    power,
    loudest,
    edges,
    height,
    bins,
    count,
    n_frames,
    row_stride,
    capacity,
    FIRST: tl.constexpr,
    N_PITCHES: tl.constexpr,
    WIDTH: tl.constexpr,
    SAMPLE_RATE: tl.constexpr,
    N_FFT: tl.constexpr,
    SHARE: tl.constexpr,
    A0: tl.constexpr,
    STEPS_PER_OCTAVE: tl.constexpr,
    FIRST_STEP: tl.constexpr,
    N_EDGES: tl.constexpr,
    N_BINS: tl.constexpr,
):
    """One program a frame."""
    frame = tl.program_id(0)
    index = tl.arange(0, WIDTH)
    inside = index < N_PITCHES
    row = power + frame.to(tl.int64) * row_stride + FIRST
    before = tl.load(row + index - 1, mask=inside, other=0.0)
    here = tl.load(row + index, mask=inside, other=0.0)
    after = tl.load(row + index + 1, mask=inside, other=0.0)
    floor = SHARE * tl.load(loudest + frame)
    peak = inside & (here > floor) & (here > before) & (here >= after)

    curvature = (after + before).to(tl.float64) - 2.0 * here.to(tl.float64)
    slope = (after - before).to(tl.float64) / 2.0
    steep = tl.abs(slope) >= tl.abs(curvature)
    shift = tl.where(steep, 0.0, -slope / tl.where(steep, 1.0, curvature)).to(tl.float32)
    pitch = (((index + FIRST).to(tl.float64) + shift.to(tl.float64)) * SAMPLE_RATE / N_FFT).to(tl.float32)
    value = here + 0.5 * ((after - before) * 0.5) * shift

    octaves = tl.log2(tl.div_rn(pitch, A0))
    guess = (STEPS_PER_OCTAVE * octaves + 0.5 * N_BINS).to(tl.int32) - FIRST_STEP
    guess = tl.minimum(tl.maximum(guess, 1), N_EDGES - 2)
    guess -= (pitch < tl.load(edges + guess, mask=peak, other=0.0)).to(tl.int32)
    guess += (pitch >= tl.load(edges + guess + 1, mask=peak, other=0.0)).to(tl.int32)

    window = frame // n_frames
    n_peaks = peak.to(tl.int32)
    base = tl.atomic_add(count + window, tl.sum(n_peaks, axis=0))
    place = window.to(tl.int64) * capacity + base + tl.cumsum(n_peaks, axis=0) - 1
    tl.store(height + place, value, mask=peak)
    tl.store(bins + place, (guess + FIRST_STEP) % N_BINS, mask=peak)


@triton.jit
def _bits_of_rank(bits, n, rank, BLOCK: tl.constexpr):
    """Find the positive float32 of a rank, from 0, in a list of `n`, as its bits: a radix selection."""
    digit = tl.arange(0, 256)
    prefix = rank * 0
    for step in range(4):
        shift = 24 - 8 * step
        counts = tl.zeros([256], tl.int32)
        start = n * 0
        while start < n:
            index = start + tl.arange(0, BLOCK)
            value = tl.load(bits + index, mask=index < n, other=0)
            # Shifting in two parts: by 32 at once is undefined.
            alike = (index < n) & (((value >> shift) >> 8) == prefix)
            counts += tl.histogram((value >> shift) & 255, 256, mask=alike)
            start += BLOCK
        to_digit = tl.cumsum(counts, axis=0)
        found = tl.sum((to_digit <= rank).to(tl.int32), axis=0)
        rank -= tl.sum(tl.where(digit < found, counts, 0), axis=0)
        prefix = prefix * 256 + found
    return prefix


@triton.jit
def _choose_tuning(
    height,
    bins,
    count,
    tuning,
    capacity,
    N_BINS: tl.constexpr,
    ROOM: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One program a window. Heights are positive, so they are ordered as the integers of the same bits."""
    window = tl.program_id(0)
    n = tl.load(count + window)
    list_start = window.to(tl.int64) * capacity
    bits = (height + list_start).to(tl.pointer_type(tl.int32), bitcast=True)
    lower = _bits_of_rank(bits, n, tl.maximum(n - 1, 0) // 2, BLOCK).to(tl.float32, bitcast=True)
    upper = _bits_of_rank(bits, n, n // 2, BLOCK).to(tl.float32, bitcast=True)
    threshold = (lower + upper) * 0.5
    bin_ = tl.arange(0, ROOM)
    counts = tl.zeros([ROOM], tl.int32)
    start = n * 0
    while start < n:
        index = start + tl.arange(0, BLOCK)
        value = tl.load(height + list_start + index, mask=index < n, other=0.0)
        place = tl.load(bins + list_start + index, mask=index < n, other=0)
        counts += tl.histogram(place, ROOM, mask=(index < n) & (value >= threshold))
        start += BLOCK
    # Equal counts: the lowest bin wins. No peak at all: no tuning.
    best = tl.min(tl.where(counts == tl.max(counts, axis=0), bin_, ROOM), axis=0)
    tl.store(tuning + window, tl.where(n > 0, best, N_BINS // 2).to(tl.int64))
