"""Turns a feature set into the constants and the working memory of the transforms."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.fft import SIDE
from featurizer.cpu.layout import HOP, N_FFT, TILE, Floats, FloatType, Layout, aligned_zeros
from featurizer.cpu.vector_ir import Width
from featurizer.tables import hann

N_COMPLEX: Final = SIDE * SIDE
_UNUSED_SLOT: Final = 2 * SIDE
"""Where the mirror of bin 0 goes on the way back: no complex number has that index."""
WORK_PITCH: Final = SIDE + 1
"""Complex vectors between rows of 32: a row more, or all rows would compete for one place in the cache."""


class PairTables(NamedTuple):
    """Which numbers of the complex transform make which bins of the real one.

    Attributes
    ----------
    first : numpy.ndarray, shape [17], int64
        Where in the other tables the pairs of each group of two 32-point transforms begin, and the end.
    slots : numpy.ndarray, shape [513, 3], int64
        Slot of bin `k`; slot of bin ``1024 - k`` to read; the same to write.
    bins : numpy.ndarray, shape [513], int64
        The bin `k`; its mirror is ``1024 - k``.
    """

    first: NDArray[np.int64]
    slots: NDArray[np.int64]
    bins: NDArray[np.int64]


class ForwardTables(NamedTuple):
    """Constants of the transform; the floats' type, float32 or float64, decides its precision.

    Attributes
    ----------
    width : tuple
        As long as a vector of the floats' type has lanes.
    taper : numpy.ndarray, shape [2048], in [0, 0.5]
        Half the Hann taper.
    twiddles : numpy.ndarray, flat, 2,048 numbers, in [-1, 1]
        ``exp(-2 pi i n2 k1 / 1024)`` as [32 n2, 32 k1, real and imaginary].
    turns : numpy.ndarray, flat, 1,026 numbers, in [-1, 1]
        ``exp(-2 pi i k / 2048)`` as [513 pairs, real and imaginary], `k` being the pair's bin.
    pairs : PairTables
        Which numbers make which bins.
    """

    width: Width
    taper: Floats
    twiddles: Floats
    turns: Floats
    pairs: PairTables


class InverseTables(NamedTuple):
    """Constants of the inverse transform, which is always in single precision, as librosa's.

    Attributes
    ----------
    width : tuple
        As long as a vector has float32 lanes.
    taper : numpy.ndarray, shape [2048], float32, in [0, 1 / 2048]
        The Hann taper over the transform's length.
    twiddles, turns : numpy.ndarray, flat, float32
        The same numbers as `ForwardTables` has, in the same order.
    pairs : PairTables
        Which bins make which numbers.
    """

    width: Width
    taper: NDArray[np.float32]
    twiddles: NDArray[np.float32]
    turns: NDArray[np.float32]
    pairs: PairTables


class StftScratch(NamedTuple):
    """Memory of the transforms and what they write.

    Attributes
    ----------
    tail : numpy.ndarray, shape [16 * 512], float32
        The samples after the last 16 whole steps, padded with zeros.
    peaks : numpy.ndarray, shape [width], float32
        Greatest magnitude in each lane.
    work, pairs : numpy.ndarray, flat, float32 or float64
        Of one block of frames: between the two steps; and two 32-point transforms.
    inverse_work, inverse_pairs : numpy.ndarray, flat, float32
        The same of the inverse.
    scale, unscale, silent_mask : numpy.ndarray, shape [lanes], float32
        The power of two that brings the window's peak into [0.5, 1), its inverse, and the mask of a silent
        bin (0.5); all 0 in lanes without a frame.
    spectrum : numpy.ndarray, flat, float32
        Scaled complex bins of two blocks, each [n_bins, 2 parts, 16 frames].
    """

    tail: NDArray[np.float32]
    peaks: NDArray[np.float32]
    work: Floats
    pairs: Floats
    inverse_work: NDArray[np.float32]
    inverse_pairs: NDArray[np.float32]
    scale: NDArray[np.float32]
    unscale: NDArray[np.float32]
    silent_mask: NDArray[np.float32]
    spectrum: NDArray[np.float32]


def pair_tables() -> PairTables:
    """Pair the numbers of two 32-point transforms, 0 and 16 or `g` and ``32 - g``, by mirrored bins."""
    rows: list[tuple[int, int, int, int]] = []
    first = [0]
    for k2 in range(SIDE // 2 + 1):
        mirror = (SIDE - k2) % SIDE
        rows.append((k2, mirror, mirror if k2 else _UNUSED_SLOT, SIDE * k2))
    for k2 in range(SIDE // 2):
        mirror = 2 * SIDE - 1 - k2
        rows.append((SIDE + k2, mirror, mirror, SIDE // 2 + SIDE * k2))
    first.append(len(rows))
    for group in range(1, SIDE // 2):
        for k2 in range(SIDE):
            mirror = 2 * SIDE - 1 - k2
            rows.append((k2, mirror, mirror, group + SIDE * k2))
        first.append(len(rows))
    table = np.array(rows, dtype=np.int64)
    return PairTables(
        first=np.array(first, dtype=np.int64),
        slots=np.ascontiguousarray(table[:, :3]),
        bins=np.ascontiguousarray(table[:, 3]),
    )


def forward_tables(width: Width, *, dtype: FloatType) -> ForwardTables:
    """Build the constants of the transform.

    Parameters
    ----------
    width : tuple
        As long as a vector has float32 lanes; of float64 it has half as many.
    dtype : float32 or float64
        Precision of the transform.
    """
    width = width[: _lanes(width, dtype=dtype)]
    # The real transform's halves are in the taper.
    taper = (0.5 * hann(N_FFT)).astype(dtype)
    return ForwardTables(width, taper, _twiddles().astype(dtype), _turns().astype(dtype), pair_tables())


def inverse_tables(width: Width) -> InverseTables:
    """Build the constants of the inverse transform."""
    # librosa rounds the taper to single; the rest is the inverse transform's 1 / n, a power of two.
    taper = hann(N_FFT).astype(np.float32) / np.float32(N_FFT)
    twiddles, turns = _twiddles().astype(np.float32), _turns().astype(np.float32)
    return InverseTables(width, taper, twiddles, turns, pair_tables())


def stft_scratch(layout: Layout, *, width: Width, dtype: FloatType) -> StftScratch:
    """Allocate the transforms' memory."""
    forward_width = _lanes(width, dtype=dtype)
    work = aligned_zeros(SIDE * WORK_PITCH * 2 * forward_width, dtype=dtype)
    n_pairs = (_UNUSED_SLOT + 1) * 2
    return StftScratch(
        tail=aligned_zeros(TILE * HOP, dtype=np.float32),
        peaks=aligned_zeros(len(width), dtype=np.float32),
        work=work,
        pairs=aligned_zeros(n_pairs * forward_width, dtype=dtype),
        # As many bytes, and never in use at the same time.
        inverse_work=work.view(np.float32),
        inverse_pairs=aligned_zeros(n_pairs * len(width), dtype=np.float32),
        scale=aligned_zeros(layout.lanes, dtype=np.float32),
        unscale=aligned_zeros(layout.lanes, dtype=np.float32),
        silent_mask=aligned_zeros(layout.lanes, dtype=np.float32),
        spectrum=aligned_zeros(2 * 2 * TILE * layout.n_bins, dtype=np.float32),
    )


def _lanes(width: Width, *, dtype: FloatType) -> int:
    return len(width) * np.dtype(np.float32).itemsize // np.dtype(dtype).itemsize


def _twiddles() -> NDArray[np.float64]:
    """Return ``exp(-2 pi i n2 k1 / 1024)`` as [n2][k1][real, imaginary], flat."""
    index = np.arange(SIDE)
    return _interleaved(np.exp(-2j * np.pi * np.outer(index, index) / N_COMPLEX))


def _turns() -> NDArray[np.float64]:
    """Return ``exp(-2 pi i k / 2048)`` of each pair's bin as [pair][real, imaginary], flat."""
    turns = np.exp(-2j * np.pi * pair_tables().bins / N_FFT)
    turns[pair_tables().bins == N_FFT // 4] = -1j
    return _interleaved(turns)


def _interleaved(numbers: NDArray[np.complex128]) -> NDArray[np.float64]:
    return np.stack((numbers.real, numbers.imag), axis=-1).ravel()
