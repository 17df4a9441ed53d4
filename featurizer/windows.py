"""Turns a stream of mono blocks of any lengths into windows of one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featurizer.errors import TooShortError
from featurizer.spec import FeatureSpec


class Windower:
    """Cut a stream into consecutive windows that do not overlap, counting in whole samples.

    The windows depend on the samples only, never on how these were split into blocks. One thread at a time;
    nothing here blocks.

    Parameters
    ----------
    spec : FeatureSpec
        Its `window_samples` and `min_samples` rule.

    Attributes
    ----------
    samples : int
        Samples pushed so far.
    short : bool
        True once `flush` has repeated a clip to fill its only window.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._pending: NDArray[np.float32] = np.empty(spec.window_samples, dtype=np.float32)
        self._n_pending = 0
        self._flushed = False
        self.samples = 0
        self.short = False

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and give the windows that they complete.

        Parameters
        ----------
        block : float32 array, shape [n], n >= 0
            It may be reused by the caller afterwards.

        Returns
        -------
        float32 array, shape [k, window_samples], k >= 0
            The caller's own copy.

        Raises
        ------
        ValueError
            When called after `flush`.
        """
        self._refuse_after_flush()
        window_samples = self._spec.window_samples
        self.samples += len(block)
        n_windows = (self._n_pending + len(block)) // window_samples
        if n_windows == 0:
            self._keep(block)
            return np.empty((0, window_samples), dtype=np.float32)
        cut = n_windows * window_samples - self._n_pending
        whole = np.concatenate((self._pending[: self._n_pending], block[:cut]))
        self._n_pending = 0
        self._keep(block[cut:])
        return whole.reshape(n_windows, window_samples)

    def flush(self) -> NDArray[np.float32]:
        """End the stream.

        A rest after a whole window is dropped: its features would be those of another length. A track that
        is shorter than one window is repeated to fill it, because zeros would move the features (mfcc1_var
        by 5 standard deviations) and repeating costs no accuracy.

        Returns
        -------
        float32 array, shape [0, window_samples] or [1, window_samples]

        Raises
        ------
        TooShortError
            When fewer than `min_samples` were pushed in all.
        ValueError
            When called twice.
        """
        self._refuse_after_flush()
        self._flushed = True
        spec = self._spec
        if self.samples < spec.min_samples:
            raise TooShortError(
                f"track is too short to label: duration_seconds={self.samples / spec.sample_rate:.3f}, "
                f"at least {spec.min_samples / spec.sample_rate:.3f} are needed"
            )
        if self.samples >= spec.window_samples:
            return np.empty((0, spec.window_samples), dtype=np.float32)
        self.short = True
        return np.resize(self._pending[: self._n_pending], (1, spec.window_samples))

    def _keep(self, rest: NDArray[np.float32]) -> None:
        self._pending[self._n_pending : self._n_pending + len(rest)] = rest
        self._n_pending += len(rest)

    def _refuse_after_flush(self) -> None:
        if self._flushed:
            raise ValueError("this Windower was flushed: make a new one for the next track")
