"""Turns magnitude spectrograms into log-mel spectrograms, and those into cepstral coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.fold import FoldShape, fold
from featurizer.cpu.layout import aligned_zeros, layout_of
from featurizer.cpu.statistics import mean_and_variance, partial_sums
from featurizer.cpu.vector_ir import Emitter, Value, Width
from featurizer.spec import FeatureSpec
from featurizer.tables import POWER_FLOOR, cosine_table, mel_filters

_COEFFICIENTS: Final = 4
"""Cepstral coefficients in one run over the mels: with three vectors each they fit the registers."""

_LN: Final = (
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
"""``ln(1 + x) = x - x^2 / 2 + x^3 p(x)`` for ``1 + x`` in [sqrt(1/2), sqrt(2)); `p`, highest power first, is
S. Moshier's ``logf`` (Cephes, 1989), good to the last place."""
_SQRT_HALF_BITS: Final = 0x3F3504F3
_ONE_BITS: Final = 0x3F800000
_MANTISSA_MASK: Final = 0x007FFFFF
_MANTISSA_BITS: Final = 23
_DECIBELS_PER_OCTAVE: Final = 10 * math.log10(2)
_OCTAVE_HIGH: Final = round(_DECIBELS_PER_OCTAVE * 512) / 512
_OCTAVE_LOW: Final = _DECIBELS_PER_OCTAVE - _OCTAVE_HIGH
"""In two parts, so that whole octaves cost no accuracy: 11 bits times any exponent is exact."""
_DECIBELS_PER_E: Final = 10 / math.log(10)


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
    loudest : numpy.ndarray, shape [lanes], float32, dB
        The largest of each frame.
    cepstra : numpy.ndarray, shape [n_mfcc, lanes], float32
        The coefficients.
    partial : numpy.ndarray, shape [16], float64
        For sums.
    """

    decibels: NDArray[np.float32]
    loudest: NDArray[np.float32]
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
    return MelScratch(
        decibels=aligned_zeros(spec.n_mels, lanes, dtype=np.float32),
        loudest=aligned_zeros(lanes, dtype=np.float32),
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


def _decibels(e: Emitter, power: Value) -> Value:
    """Emit ``10 log10(max(power, 1e-10))``."""
    builder = e.builder
    power = e.maximum(power, e.constant(POWER_FLOOR, power))
    kind = ir.VectorType(ir.IntType(32), e.width)

    def integer(value: int) -> Value:
        return ir.Constant(kind, [value] * e.width)

    # The exponent is that of the power over sqrt(1/2), which leaves a mantissa in [sqrt(1/2), sqrt(2)).
    bits = builder.add(builder.bitcast(power, kind), integer(_ONE_BITS - _SQRT_HALF_BITS))
    exponent = builder.sub(builder.lshr(bits, integer(_MANTISSA_BITS)), integer(_ONE_BITS >> _MANTISSA_BITS))
    octaves = builder.sitofp(exponent, power.type)
    mantissa = builder.add(builder.and_(bits, integer(_MANTISSA_MASK)), integer(_SQRT_HALF_BITS))
    x = e.subtract(builder.bitcast(mantissa, power.type), e.constant(1.0, power))
    series = e.constant(_LN[0], power)
    for coefficient in _LN[1:]:
        series = e.multiply_add(series, x, e.constant(coefficient, power))
    square = e.multiply(x, x)
    small = e.multiply_add(e.multiply(series, x), square, e.multiply(square, e.constant(-0.5, power)))
    logarithm = e.add(x, small)
    low = e.multiply_add(
        logarithm, e.constant(_DECIBELS_PER_E, power), e.multiply(octaves, e.constant(_OCTAVE_LOW, power))
    )
    return e.multiply_add(octaves, e.constant(_OCTAVE_HIGH, power), low)


# 9 vectors of 16 lanes are the 144 lanes of a 3-second window.
_fold_power = fold(_add_power, FoldShape(n_columns=1, n_constants=0, n_states=1, n_vectors=9), _decibels)
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
    decibels, loudest = scratch.decibels, scratch.loudest
    lanes = len(loudest)
    loudest[:] = np.float32(-np.inf)
    decibels[:] = 0
    for mel in range(len(decibels)):
        first, end, start = tables.first[mel], tables.end[mel], tables.start[mel]
        _fold_power(width, magnitude, tables.weights, decibels, decibels, lanes, first, end, start, 1, mel)
        row = decibels[mel]
        for lane in range(lanes):
            loudest[lane] = max(loudest[lane], row[lane])
    # Lanes without a frame are at -100 dB: they are never the loudest.
    floor = loudest.max() - tables.top_db[0]
    for mel in range(len(decibels)):
        row = decibels[mel]
        for lane in range(lanes):
            row[lane] = max(row[lane], floor)


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
    values[:] = 0
    for row in range(0, n_mfcc, _COEFFICIENTS):
        _fold_cosines(
            width, scratch.decibels, tables.cosine, values, values, lanes, 0, n_mels, row, n_mfcc, row
        )
    for row in range(n_mfcc):
        mean_and_variance(values[row], tables.n_frames, scratch.partial, features, tables.column + 2 * row)
