"""Turns log-mel spectrograms into one tempo a window, as ``librosa.beat.beat_track`` estimates it.

The mean over frames of the tempogram has a closed form. Its frame `n` is the autocorrelation of
``x[n + m] w[m]`` times a gain ``g[n]``, with the onset strength `x` and the taper
``w[m] = (1 - cos(t m)) / 2``. So the mean at a lag is the sum over `i` and ``j = i + lag`` of
``x[i] x[j] K(i, j)``, where `K` is the sum over frames of ``g[n] w[i - n] w[j - n]``. Multiplied out, `K`
holds sums over `n` of `g` times 1, ``exp(-1j t n)`` and ``exp(-2j t n)``, which are taken once for all lags.
The rest is three correlations, in double precision, and no transform.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import kernel
from featurizer.cpu.correlation import N_ROWS, TILE_VECTORS, correlate_one, correlate_rows
from featurizer.cpu.layout import TILE, aligned_zeros
from featurizer.cpu.onset import OnsetScratch, median_rise, onset_scratch
from featurizer.cpu.vector_ir import Width
from featurizer.spec import FeatureSpec
from featurizer.tables import EMPHASIS, FLOAT64_TINY, tempo_tables

_N_SUMS: Final = 5
_MARGIN: Final = TILE_VECTORS * TILE
"""What the last vectors may reach beyond an array."""


class TempoEstimateTables(NamedTuple):
    """Constants of `tempo`.

    Attributes
    ----------
    n_frames, n_lags, delay : int
        Of `featurizer.tables.TempoTables`.
    n_padded : int
        Length of the padded onset strength.
    first_lag : int
        The first lag that is not ruled out.
    bpm : numpy.ndarray, shape [n_lags], float64, beats a minute
        Tempo of each lag.
    prior : numpy.ndarray, shape [n_lags], float64, in [0, 1]
        Prior of each lag, not a logarithm.
    taper : numpy.ndarray, float64
        Square of a frame's taper, last sample first, between zeros for the places that no frame covers.
    taper_start : int
        Element of the taper that lies over place 0 in frame 0.
    fade : numpy.ndarray, shape [n_lags // 2], float64
        The envelope fades along it after its last frame.
    cosine, sine : numpy.ndarray, shape [2 n_lags + n_frames], float64
        Of ``2 pi k / n_lags``.
    column : int
        Where the tempo goes.
    """

    n_frames: int
    n_lags: int
    delay: int
    n_padded: int
    first_lag: int
    bpm: NDArray[np.float64]
    prior: NDArray[np.float64]
    taper: NDArray[np.float64]
    taper_start: int
    fade: NDArray[np.float64]
    cosine: NDArray[np.float64]
    sine: NDArray[np.float64]
    column: int


class TempoScratch(NamedTuple):
    """Working memory of `tempo`.

    Attributes
    ----------
    onset : OnsetScratch
        Of `featurizer.cpu.onset`.
    strength : numpy.ndarray, shape [n_frames], float32, dB
        Onset strength.
    padded : numpy.ndarray, shape [3, n_padded + n_lags or more], float64
        The padded onset strength, last sample first, and its products with the cosine and the sine of its
        place; then zeros, because vectors of lags reach beyond the first sample.
    energy : numpy.ndarray, shape [n_frames or more], float64
        Of each frame of the tempogram.
    sums : numpy.ndarray, shape [5, n_frames + 1], float64
        Sums from each frame to the last of the gain times 1, cosine, sine, and both of the double angle.
    factors : numpy.ndarray, shape [3, as padded], float64
        What the three correlations multiply each row of `padded` by.
    correlation : numpy.ndarray, shape [n_lags or more], float64
        The mean autocorrelation.
    """

    onset: OnsetScratch
    strength: NDArray[np.float32]
    padded: NDArray[np.float64]
    energy: NDArray[np.float64]
    sums: NDArray[np.float64]
    factors: NDArray[np.float64]
    correlation: NDArray[np.float64]


def tempo_estimate_tables(spec: FeatureSpec) -> TempoEstimateTables:
    """Build the constants from the frame rate and the prior's centre.

    Raises
    ------
    ValueError
        If the window is longer than half the longest lag: then a tempogram frame may miss all onsets but
        for the taper's ends, and the closed form loses its accuracy.
    """
    tables = tempo_tables(spec)
    if spec.n_frames > tables.n_lags // 2:
        found = f"n_frames={spec.n_frames} n_lags={tables.n_lags}"
        raise ValueError(f"the CPU back end takes windows up to half the longest lag (4 s): {found}")
    n_padded = spec.n_frames + 2 * (tables.n_lags // 2)
    angle = 2 * np.pi / tables.n_lags * np.arange(2 * tables.n_lags + spec.n_frames)
    return TempoEstimateTables(
        n_frames=spec.n_frames,
        n_lags=tables.n_lags,
        delay=tables.delay,
        n_padded=n_padded,
        first_lag=int(np.flatnonzero(np.isfinite(tables.log_prior))[0]),
        bpm=tables.bpm,
        prior=np.exp(tables.log_prior),
        taper=np.concatenate(
            (np.zeros(n_padded), (tables.taper**2)[::-1], np.zeros(spec.n_frames + _MARGIN))
        ),
        taper_start=n_padded + tables.n_lags - 1,
        fade=tables.fade,
        cosine=np.cos(angle),
        sine=np.sin(angle),
        column=spec.feature_names.index("tempo"),
    )


def tempo_scratch(spec: FeatureSpec) -> TempoScratch:
    """Allocate the working memory."""
    tables = tempo_tables(spec)
    pitch = spec.n_frames + 2 * (tables.n_lags // 2) + tables.n_lags + _MARGIN
    return TempoScratch(
        onset=onset_scratch(spec),
        strength=np.zeros(spec.n_frames, dtype=np.float32),
        padded=aligned_zeros(N_ROWS, pitch, dtype=np.float64),
        energy=aligned_zeros(spec.n_frames + _MARGIN, dtype=np.float64),
        sums=np.zeros((_N_SUMS, spec.n_frames + 1)),
        factors=aligned_zeros(N_ROWS, pitch, dtype=np.float64),
        correlation=aligned_zeros(tables.n_lags + _MARGIN, dtype=np.float64),
    )


@kernel
def tempo(
    width: Width,
    decibels: NDArray[np.float32],
    tables: TempoEstimateTables,
    scratch: TempoScratch,
    features: NDArray[np.float64],
) -> None:
    """Write the tempo in beats a minute, 0 where nothing ever gets louder.

    Parameters
    ----------
    width : tuple
        As long as a vector has lanes.
    decibels : numpy.ndarray, shape [n_mels, lanes], float32, dB
        ``MelScratch.decibels`` after `featurizer.cpu.mel.log_mel`.
    tables : TempoEstimateTables
    scratch : TempoScratch
    features : numpy.ndarray, shape [width], float64
        Gets one value.
    """
    median_rise(width, decibels, tables.delay, scratch.onset, scratch.strength)
    is_silent = True
    for frame in range(tables.n_frames):
        is_silent = is_silent and scratch.strength[frame] == 0
    features[tables.column] = 0.0
    if is_silent:
        return
    mean_autocorrelation(width, tables, scratch)
    best = -1.0
    for lag in range(tables.first_lag, tables.n_lags):
        # librosa compares log1p(1e6 c) + log(prior): the same order without logarithms.
        score = (1.0 + EMPHASIS * scratch.correlation[lag]) * tables.prior[lag]
        if score > best:
            best = score
            features[tables.column] = tables.bpm[lag]


@kernel
def mean_autocorrelation(width: Width, tables: TempoEstimateTables, scratch: TempoScratch) -> None:
    """Leave the mean over time of ``librosa.feature.tempogram`` of ``scratch.strength`` in the scratch.

    ``scratch.correlation``, shape [n_lags], float64, in [0, 1], holds it from ``first_lag`` on.
    """
    first = _pad(tables, scratch)
    _frame_energy(width, tables, scratch, first)
    _sum_gains(tables, scratch)
    _multiply_out(tables, scratch, first)
    _correlate(width, tables, scratch, first)


@kernel
def _pad(tables: TempoEstimateTables, scratch: TempoScratch) -> int:
    """Fill ``scratch.padded``; give the place of the first onset strength that may not be 0."""
    half = tables.n_lags // 2
    n_frames = tables.n_frames
    backward = scratch.padded[0]
    last = tables.n_padded - 1
    backward[:] = 0.0
    for frame in range(n_frames):
        backward[last - half - frame] = scratch.strength[frame]
    # The first strengths are 0, so nothing fades in. The fade is rounded as numpy.pad rounds it.
    end = np.float64(scratch.strength[n_frames - 1])
    for step in range(half):
        backward[last - half - n_frames - step] = np.float32(end * tables.fade[step])
    for place in range(tables.n_padded):
        scratch.padded[1, last - place] = backward[last - place] * tables.cosine[place]
        scratch.padded[2, last - place] = backward[last - place] * tables.sine[place]
    return half + tables.delay


@kernel
def _frame_energy(width: Width, tables: TempoEstimateTables, scratch: TempoScratch, first: int) -> None:
    """Add up the squares of each tapered frame: frame `n` covers places ``n`` to ``n + n_lags - 1``."""
    last = tables.n_padded - 1
    squares = scratch.factors[0]
    for place in range(first, last + 1):
        squares[place] = scratch.padded[0, last - place] * scratch.padded[0, last - place]
    n_places = last + 1 - first
    for frame in range(0, tables.n_frames, TILE_VECTORS * len(width)):
        # Element `taper_start - place + n` of the taper is what lies over a place in frame n, 0 outside it.
        start = tables.taper_start - first + frame
        correlate_one(width, tables.taper, start, 0, squares, first, n_places, scratch.energy, frame)


@kernel
def _sum_gains(tables: TempoEstimateTables, scratch: TempoScratch) -> None:
    sums, n_frames = scratch.sums, tables.n_frames
    sums[:, n_frames] = 0.0
    for frame in range(n_frames - 1, -1, -1):
        energy = scratch.energy[frame]
        gain = 1.0 / (n_frames * energy) if energy >= FLOAT64_TINY else 0.0
        sums[0, frame] = sums[0, frame + 1] + gain
        sums[1, frame] = sums[1, frame + 1] + gain * tables.cosine[frame]
        sums[2, frame] = sums[2, frame + 1] + gain * tables.sine[frame]
        sums[3, frame] = sums[3, frame + 1] + gain * tables.cosine[2 * frame]
        sums[4, frame] = sums[4, frame + 1] + gain * tables.sine[2 * frame]


@kernel
def _multiply_out(tables: TempoEstimateTables, scratch: TempoScratch, first: int) -> None:
    """Prepare what the later place `j` contributes: the frames that hold both places begin by it alone."""
    factors = scratch.factors
    last = tables.n_padded - 1
    for place in range(first, last + 1):
        frame = max(0, place - tables.n_lags + 1)
        s0, c1, s1 = scratch.sums[0, frame], scratch.sums[1, frame], scratch.sums[2, frame]
        c2, s2 = scratch.sums[3, frame], scratch.sums[4, frame]
        cosine, sine = tables.cosine[place], tables.sine[place]
        strength = 0.25 * scratch.padded[0, last - place]
        factors[0, place] = strength * (s0 - cosine * c1 - sine * s1)
        factors[1, place] = strength * (0.5 * (cosine * s0 + cosine * c2 + sine * s2) - c1)
        factors[2, place] = strength * (0.5 * (sine * s0 + cosine * s2 - sine * c2) - s1)


@kernel
def _correlate(width: Width, tables: TempoEstimateTables, scratch: TempoScratch, first: int) -> None:
    last = tables.n_padded - 1
    padded, factors, correlation = scratch.padded, scratch.factors, scratch.correlation
    pitch = padded.shape[1]
    for lag in range(tables.first_lag, tables.n_lags, TILE_VECTORS * len(width)):
        # The earlier place, place - lag, stands at last - place + lag in the reversed rows.
        place = first + lag
        n_places = last + 1 - place
        correlate_rows(width, padded, last - first, pitch, factors, place, n_places, correlation, lag)
    for lag in range(tables.first_lag, tables.n_lags):
        correlation[lag] = max(correlation[lag], 0.0)
