"""Turns a batch of windows into feature vectors on one thread of a CPU, without the GIL."""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from featurizer.cpu.compiling import level
from featurizer.cpu.layout import FloatType
from featurizer.cpu.window import WindowScratch, featurize_windows, window_scratch, window_tables
from featurizer.spec import FeatureSpec

Precision = Literal["single", "double"]

_FLOAT_BITS: Final = 32
_DTYPES: Final[dict[Precision, FloatType]] = {"single": np.float32, "double": np.float64}


class CpuBackend:
    """The `gtzan57` features in machine code for this CPU.

    Compiling it takes half a minute; what was compiled is kept on disk (`featurizer.cpu.compiling`). Any
    number of threads may call it at once: each call takes scratch memory from a pool, which holds as many
    pieces as there were calls at once.

    Parameters
    ----------
    spec : FeatureSpec
        The feature set, which must be `gtzan57`, with windows of 0.4 to 4 seconds.
    precision : {"single", "double"}
        Of the transform from samples to spectrum. librosa's is double.
    vector_width : int, optional
        Float32 lanes of a vector: 4, 8 or 16. By default what the CPU's registers hold.

    Attributes
    ----------
    precision : {"single", "double"}
        Of the transform from samples to spectrum.

    Raises
    ------
    ValueError
        If this back end does not compute the feature set.
    """

    def __init__(
        self, spec: FeatureSpec, *, precision: Precision = "double", vector_width: int | None = None
    ) -> None:
        if spec.name != "gtzan57":
            raise ValueError(f"the CPU back end computes gtzan57 only: spec.name={spec.name!r}")
        self._spec = spec
        self.precision: Precision = precision
        self._dtype = _DTYPES[precision]
        self._vector_width = vector_width or level().vector_bits // _FLOAT_BITS
        self._tables = window_tables(spec, vector_width=self._vector_width, dtype=self._dtype)
        self._free: deque[WindowScratch] = deque()

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Featurize windows, in the calling thread.

        Parameters
        ----------
        windows : numpy.ndarray, shape [batch, window_samples], float32, finite

        Returns
        -------
        numpy.ndarray, shape [batch, width], float32
        """
        # Machine code is compiled for one kind of array: contiguous and writable, though nothing is written.
        samples = np.require(windows, requirements=("C", "W"))
        features = np.empty((len(samples), self._spec.width))
        try:
            scratch = self._free.pop()
        except IndexError:
            scratch = window_scratch(self._spec, vector_width=self._vector_width, dtype=self._dtype)
        try:
            featurize_windows(samples, self._tables, scratch, features)
        finally:
            self._free.append(scratch)
        return features.astype(np.float32)
