"""Turns the feature set's numbers into each stage's bytes and operations, hence its shortest time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import log2

from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.tables import pitch_bins, tempo_tables

MEDIAN_OPERATIONS = 34.125
"""Minima and maxima to a median of 31 points (546 for 16)."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage does for one window.

    Attributes
    ----------
    bytes : float
        Read from and written to the device's memory if each array passes once a kernel.
    flops : float
        Arithmetic operations in single precision.
    flops_double : float
        The same in double.
    """

    bytes: float
    flops: float
    flops_double: float = 0.0


def triton_work(spec: FeatureSpec, *, precision: str) -> dict[str, Work]:
    """Count the stages of `featurizer.gpu.fused.Fused`, under the names that it marks."""
    frames, bins = spec.n_frames, spec.n_fft // 2 + 1
    samples = 4.0 * spec.window_samples
    real = 4.0 * frames * bins
    taps = 4.0 * frames * spec.n_fft
    first, end = pitch_bins(spec)
    decibels = 4.0 * frames * spec.n_mels
    lags = tempo_tables(spec).n_lags
    tempogram, transformed = 8.0 * frames * lags, 16.0 * frames * (lags + 1)
    wide = 2.0 if precision == "double" else 1.0
    fft = frames * 2.5 * spec.n_fft * log2(spec.n_fft)
    tempo_fft = frames * 2.5 * 2 * lags * log2(2 * lags)
    in_double = precision == "double"
    return {
        # Pad; taper; transform.
        "stft": Work(
            3 * samples + 2 * wide * taps + 2 * wide * real,
            frames * spec.n_fft + (0 if in_double else fft),
            fft if in_double else 0,
        ),
        # Read the spectrum; write magnitude, power and, in double, the rounded spectrum; read the magnitude.
        "spectral": Work(
            (2 * wide + 3) * real + (2 * real if in_double else 0), 14.0 * frames * bins, 9.0 * frames * bins
        ),
        # Peaks from the pitch bins; the product of power and filters; the filters themselves.
        "chroma": Work(
            4.0 * frames * (end - first + 2) + real + 4.0 * spec.n_chroma * (bins + 2 * frames),
            2.0 * frames * bins * spec.n_chroma + 20.0 * frames * (end - first),
            8.0 * frames * (end - first),
        ),
        # The product, then six passes (clamp, logarithm, scale, maximum, floor, cosine transform).
        "mel": Work(real + 11 * decibels, 2.0 * frames * spec.n_mels * (bins + spec.n_mfcc)),
        # Rise, sort, median; then frames, norms, scaling, transform and power in double.
        "tempo": Work(9 * decibels + 5 * tempogram + 2 * transformed, 30.0 * frames * spec.n_mels, tempo_fft),
        # Squares, their padding and sums; signs, crossings, padding and sums.
        "time_domain": Work(6 * samples, 4.0 * spec.window_samples, 1.0 * spec.window_samples),
        # Magnitude once, spectrum in and out.
        "median_mask": Work(5 * real, frames * bins * (2 * MEDIAN_OPERATIONS + 12)),
        # cuFFT destroys its input, so torch copies it.
        "inverse": Work(6 * real + taps, fft),
        # Frames and window; the parts stay in registers.
        "overlap_add": Work(taps + samples, 2.0 * frames * spec.n_fft, 8.0 * spec.window_samples),
        "statistics": Work(4.0 * frames * (spec.n_chroma + 10 + spec.n_mfcc) * 3, 0.0, 4.0e4),
    }


def torch_work(spec: FeatureSpec, *, precision: str) -> dict[str, Work]:
    """Count the stages of `featurizer.gpu.eager.Eager`: what differs is that each operation is a kernel."""
    work = triton_work(spec, precision=precision)
    frames, bins = spec.n_frames, spec.n_fft // 2 + 1
    samples, real = 4.0 * spec.window_samples, 4.0 * frames * bins
    taps = 4.0 * frames * spec.n_fft
    pitches = pitch_bins(spec)
    candidates = 4.0 * frames * (pitches[1] - pitches[0])
    rounding = 2 * real + 2 * real * 2 if precision == "double" else 0.0
    passes = {
        "stft": work["stft"].bytes + rounding,
        # Modulus in about 14 passes; double copies for centroid and bandwidth; running sum.
        "spectral": 24 * real + 14 * real + 10 * real,
        # About 30 passes over the candidates in double, 25 in single and integer; the product.
        "chroma": 30 * 2 * candidates + 25 * candidates + 2 * real,
        # Each of 34 operations a median reads two arrays and writes one; tiles gathered and joined; mask.
        "median_mask": 2 * (3 * MEDIAN_OPERATIONS + 6) * real + 20 * real,
        "overlap_add": 2 * taps + 12 * taps / 4 * 3 + 10 * samples,
    }
    return {name: Work(passes.get(name, w.bytes), w.flops, w.flops_double) for name, w in work.items()}


@dataclass(frozen=True, slots=True)
class Card:
    """A card's limits: bytes a second, single- and double-precision operations a second."""

    name: str
    bytes_per_second: float
    flops: float
    flops_double: float


H100 = Card("H100 SXM", 3.35e12, 66.9e12, 33.5e12)
"""NVIDIA's data sheet: 3.35 TB/s, 67 and 34 TFLOP/s outside the tensor cores."""


def shortest_seconds(work: Work, *, card: Card) -> float:
    """Give the time a window that the tightest of the card's limits allows."""
    return max(
        work.bytes / card.bytes_per_second, work.flops / card.flops + work.flops_double / card.flops_double
    )


def table(spec: FeatureSpec, *, card: Card) -> str:
    """Give the paper roofline as a Markdown table."""
    columns = [
        triton_work(spec, precision="single"),
        triton_work(spec, precision="double"),
        torch_work(spec, precision="double"),
    ]
    lines = [
        "| stage | MB, Triton single | MB, Triton double | MB, torch double | MFLOP | of it double "
        "| us a window, Triton double |",
        "|---|---|---|---|---|---|---|",
    ]
    totals = [0.0] * 6
    for name, double in columns[1].items():
        megabytes = [column[name].bytes / 1e6 for column in columns]
        row = [
            *megabytes,
            (double.flops + double.flops_double) / 1e6,
            double.flops_double / 1e6,
            1e6 * shortest_seconds(double, card=card),
        ]
        totals = [total + value for total, value in zip(totals, row, strict=True)]
        lines.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    lines.append("| **all** | " + " | ".join(f"**{value:.1f}**" for value in totals) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(GTZAN57, card=H100) + "\n")
