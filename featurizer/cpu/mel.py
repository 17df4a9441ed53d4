"""Turns magnitude spectrograms into log-mel spectrograms, and those into cepstral coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import fast_kernel, kernel
from featurizer.cpu.fold import FoldShape, fold
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.cpu.statistics import mean_and_variance, partial_sums
from featurizer.cpu.vector_ir import Emitter, Value, Width
from featurizer.spec import FeatureSpec
from featurizer.tables import POWER_FLOOR, cosine_table, mel_filters

_COEFFICIENTS: Final = 4
"""Cepstral coefficients in one run over the mels: with three vectors each they fit the registers."""

# log2(m) of a mantissa in [sqrt(1/2), sqrt(2)): x - x^2 / 2 + x^3 p(x) with x = m - 1, over ln 2, is
# S. Moshier's logf (Cephes, 1989): at most 1 unit in the last place off.
_LN: Final = tuple(
    np.float32(value)
    for value in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
_SQRT_HALF_BITS: Final = np.int32(0x3F3504F3)
_ONE_BITS: Final = np.int32(0x3F800000)
_MANTISSA_BITS: Final = np.int32(0x007FFFFF)
_DECIBELS_PER_OCTAVE: Final = 10 * np.log10(2.0)
# In two parts, so that whole octaves cost no accuracy: 11 bits times any exponent is exact.
_OCTAVE_HIGH: Final = np.float32(np.round(_DECIBELS_PER_OCTAVE * 512) / 512)
_OCTAVE_LOW: Final = np.float32(_DECIBELS_PER_OCTAVE - float(_OCTAVE_HIGH))
_DECIBELS_PER_E: Final = np.float32(10 / np.log(10.0))
_HALF: Final = np.float32(0.5)
_FLOOR: Final = np.float32(POWER_FLOOR)


class MelTables(NamedTuple):
    """Constants of `log_mel` and `cepstra`.

    Attributes
    ----------
    weights : numpy.ndarray, shape [n_weights], float32
        The filters, one after the other, without their zeros.
    first, end : numpy.ndarray, shape [n_mels], int64
        First bin of each filter and the one after its last.
    start : numpy.ndarray, shape [n_mels], int64
        Where each filter's weights begin.
    cosine : numpy.ndarray, shape [n_mels, n_mfcc], float32
        From decibels to coefficients.
    top_db : numpy.ndarray, shape [1], float32, dB
        Dynamic range below the window's maximum.
    n_frames : int
        Number of frames.
    column : int
        Where the first coefficient's mean goes.
    """

    weights: NDArray[np.float32]
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    start: NDArray[np.int64]
    cosine: NDArray[np.float32]
    top_db: NDArray[np.float32]
    n_frames: int
    column: int


class MelScratch(NamedTuple):
    """Working memory of `log_mel` and `cepstra`.

    Attributes
    ----------
    decibels : numpy.ndarray, shape [n_mels, lanes], float32, dB
        The log-mel spectrogram.
    bits : numpy.ndarray, shape [n_mels, lanes], int32
        The same memory as `decibels`, as integers.
    cepstra : numpy.ndarray, shape [n_mfcc, lanes], float32
        The coefficients.
    partial : numpy.ndarray, shape [16], float64
        For sums.
    """

    decibels: NDArray[np.float32]
    bits: NDArray[np.int32]
    cepstra: NDArray[np.float32]
    partial: NDArray[np.float64]


def mel_tables(spec: FeatureSpec) -> MelTables:
    """Build the filters and the cosine transform.

    Raises
    ------
    ValueError
        If `n_mfcc` is not a multiple of 4.
    """
    if spec.n_mfcc % _COEFFICIENTS:
        raise ValueError(f"n_mfcc must be a multiple of {_COEFFICIENTS}: n_mfcc={spec.n_mfcc}")
    filters = mel_filters(spec)
    used = [np.flatnonzero(weights) for weights in filters]
    lengths = [len(bins) for bins in used]
    return MelTables(
        weights=np.concatenate([row[bins] for row, bins in zip(filters, used, strict=True)]),
        first=np.array([bins[0] for bins in used], dtype=np.int64),
        end=np.array([bins[-1] + 1 for bins in used], dtype=np.int64),
        start=np.cumsum([0, *lengths[:-1]], dtype=np.int64),
        cosine=np.ascontiguousarray(cosine_table(spec).T),
        top_db=np.array([spec.top_db], dtype=np.float32),
        n_frames=spec.n_frames,
        column=spec.feature_names.index("mfcc1_mean"),
    )


def mel_scratch(spec: FeatureSpec) -> MelScratch:
    """Allocate the working memory."""
    lanes = layout_of(spec).lanes
    decibels = aligned_zeros(spec.n_mels, lanes, dtype=np.float32)
    return MelScratch(
        decibels=decibels,
        bits=decibels.view(np.int32),
        cepstra=aligned_zeros(spec.n_mfcc, lanes, dtype=np.float32),
        partial=partial_sums(),
    )


def _add_power(
    e: Emitter, magnitude: Value, weights: Sequence[Value], _: Sequence[Value], totals: Sequence[Value]
) -> Sequence[Value]:
    return [e.multiply_add(weights[0], e.multiply(magnitude, magnitude), totals[0])]


def _add_cosines(
    e: Emitter, decibels: Value, cosines: Sequence[Value], _: Sequence[Value], sums: Sequence[Value]
) -> Sequence[Value]:
    return [e.multiply_add(cosine, decibels, total) for total, cosine in zip(sums, cosines, strict=True)]


# 9 vectors of 16 lanes are the 144 lanes of a 3-second window.
_fold_power = fold(_add_power, FoldShape(n_columns=1, n_constants=0, n_states=1, n_vectors=9))
_fold_cosines = fold(
    _add_cosines, FoldShape(n_columns=_COEFFICIENTS, n_constants=0, n_states=_COEFFICIENTS, n_vectors=3)
)


@kernel
def log_mel(width: Width, magnitude: NDArray[np.float32], tables: MelTables, scratch: MelScratch) -> None:
    """Leave the log-mel spectrogram in ``scratch.decibels``, as ``librosa.power_to_db(melspectrogram)`` 0.11.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    magnitude : numpy.ndarray, shape [at least n_bins, lanes], float32, at least 0
        Columns from ``n_frames`` on hold zeros.
    tables : MelTables
    scratch : MelScratch
        Gets decibels at least -100 and at most `top_db` below the window's maximum, 2e-5 dB off at most.
    """
    decibels = scratch.decibels
    lanes = decibels.shape[1]
    loudest = np.float32(-np.inf)
    for mel in range(len(decibels)):
        first, end, start = tables.first[mel], tables.end[mel], tables.start[mel]
        _fold_power(width, magnitude, tables.weights, decibels, decibels, lanes, first, end, start, 1, mel)
        # Lanes without a frame are at the floor: they are never the loudest.
        loudest = max(loudest, np.float32(_to_decibels(decibels[mel], scratch.bits[mel])))
    floor = loudest - tables.top_db[0]
    for mel in range(len(decibels)):
        for lane in range(lanes):
            decibels[mel, lane] = max(decibels[mel, lane], floor)


@fast_kernel
def _to_decibels(power: NDArray[np.float32], bits: NDArray[np.int32]) -> float:
    """Replace power by decibels; `bits` is the same memory as integers. Give the largest."""
    for lane in range(len(power)):
        power[lane] = max(power[lane], _FLOOR)
    for lane in range(len(power)):
        # The exponent is that of the power over sqrt(1/2), so that the mantissa lies in [sqrt(1/2), sqrt(2)).
        shifted = bits[lane] + (_ONE_BITS - _SQRT_HALF_BITS)
        exponent = np.float32((shifted >> 23) - 127)
        bits[lane] = (shifted & _MANTISSA_BITS) + _SQRT_HALF_BITS
        x = power[lane] - np.float32(1)
        series = _LN[0]
        series = series * x + _LN[1]
        series = series * x + _LN[2]
        series = series * x + _LN[3]
        series = series * x + _LN[4]
        series = series * x + _LN[5]
        series = series * x + _LN[6]
        series = series * x + _LN[7]
        series = series * x + _LN[8]
        square = x * x
        logarithm = x + (series * x * square - _HALF * square)
        power[lane] = exponent * _OCTAVE_HIGH + (logarithm * _DECIBELS_PER_E + exponent * _OCTAVE_LOW)
    loudest = power[0]
    for lane in range(len(power)):
        loudest = max(loudest, power[lane])
    return float(loudest)


@kernel
def cepstra(width: Width, tables: MelTables, scratch: MelScratch, features: NDArray[np.float64]) -> None:
    """Write mean and variance of each cepstral coefficient, as ``librosa.feature.mfcc`` 0.11 gives them.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    tables : MelTables
    scratch : MelScratch
        ``scratch.decibels`` comes from `log_mel`; ``scratch.cepstra`` is left with the coefficients.
    features : numpy.ndarray, shape [width], float64
        Gets two values a coefficient.
    """
    values = scratch.cepstra
    n_mels, lanes = scratch.decibels.shape
    n_mfcc = len(values)
    for row in range(0, n_mfcc, _COEFFICIENTS):
        _fold_cosines(
            width, scratch.decibels, tables.cosine, values, values, lanes, 0, n_mels, row, n_mfcc, row
        )
    for row in range(n_mfcc):
        mean_and_variance(values[row], tables.n_frames, scratch.partial, features, tables.column + 2 * row)
