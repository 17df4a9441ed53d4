"""Turns a feature set into the shapes of the arrays that the CPU stages share."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec

N_FFT: Final = 2048
HOP: Final = 512
"""The transform is generated for these two numbers."""
TILE: Final = 16
"""Medians are computed for 16 neighbours at once; lanes come in multiples of it."""
HALF_MEDIAN: Final = 15
"""Neighbours on either side of the one whose median of 31 is taken."""
ALIGNMENT_BYTES: Final = 64
"""Of all scratch memory: a cache line, and the longest vector."""

Floats = NDArray[np.floating[Any]]
"""Array of single or double precision."""
FloatType = type[np.floating[Any]]
"""float32 or float64."""

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Layout(NamedTuple):
    """Sizes that a feature set's window length decides.

    A sample array in *columns* holds sample ``hop * s + o`` of the zero-padded window at row `o`, lane `s`,
    so that each sample of 16 neighbouring frames is one vector. Its rows are `row_pitch` apart, and every 64
    rows there is a gap, because rows at a multiple of 4,096 bytes would compete for one place in the cache.

    Attributes
    ----------
    window_samples : int
        Length of a window.
    n_frames : int
        STFT frames in a window.
    n_bins : int
        Bins of a spectrum.
    lanes : int
        Frames, padded to a multiple of 16: length of a spectrogram's row.
    n_tiles : int
        Groups of 16 bins that cover a spectrum.
    n_blocks : int
        Groups of 16 frames that cover a window.
    row_pitch, group_pitch : int
        Elements between two rows of columns, and between two groups of 64 rows.
    """

    window_samples: int
    n_frames: int
    n_bins: int
    lanes: int
    n_tiles: int
    n_blocks: int
    row_pitch: int
    group_pitch: int


ROWS_PER_GROUP: Final = 64
N_GROUPS: Final = HOP // ROWS_PER_GROUP
ADDED_ROW_PITCH: Final = 2 * TILE
ADDED_GROUP_PITCH: Final = ROWS_PER_GROUP * ADDED_ROW_PITCH + TILE
"""Pitches of columns that hold two blocks of 16 lanes."""


def layout_of(spec: FeatureSpec) -> Layout:
    """Lay out the arrays of a feature set.

    Raises
    ------
    ValueError
        If the transform or the medians have other sizes than those that code is generated for, or if a
        window has fewer frames than half a median.
    """
    if (spec.n_fft, spec.hop_length) != (N_FFT, HOP):
        found = f"n_fft={spec.n_fft} hop_length={spec.hop_length}"
        raise ValueError(f"the CPU back end transforms {N_FFT} samples every {HOP} only: {found}")
    if spec.hpss_kernel != 2 * HALF_MEDIAN + 1:
        raise ValueError(f"the CPU back end takes medians of 31 only: hpss_kernel={spec.hpss_kernel}")
    if spec.n_frames <= HALF_MEDIAN:
        raise ValueError(f"a window must have at least 16 frames: window_samples={spec.window_samples}")
    lanes = -(-spec.n_frames // TILE) * TILE
    n_bins = spec.n_fft // 2 + 1
    row_pitch = lanes + TILE
    return Layout(
        window_samples=spec.window_samples,
        n_frames=spec.n_frames,
        n_bins=n_bins,
        lanes=lanes,
        n_tiles=-(-n_bins // TILE),
        n_blocks=lanes // TILE,
        row_pitch=row_pitch,
        group_pitch=ROWS_PER_GROUP * row_pitch + TILE,
    )


def columns_of(layout: Layout) -> NDArray[np.float32]:
    """Allocate samples in columns, flat, zeroed."""
    return aligned_zeros(N_GROUPS * layout.group_pitch, dtype=np.float32)


def aligned_zeros(*shape: int, dtype: type[_Scalar]) -> NDArray[_Scalar]:
    """Allocate zeros that start at a cache line.

    Parameters
    ----------
    *shape : int
        Of the array.
    dtype : numpy scalar type

    Returns
    -------
    numpy.ndarray, shape `shape`, C-contiguous
    """
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw: NDArray[Any] = np.zeros(n_bytes + ALIGNMENT_BYTES, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT_BYTES
    array: NDArray[_Scalar] = raw[start : start + n_bytes].view(dtype).reshape(shape)
    return array
