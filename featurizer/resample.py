"""Turns mono blocks of any sample rate into mono blocks of one sample rate."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

_QUALITY = "HQ"  # LQ moves features by up to 1.1 standard deviations


class StreamResampler:
    """Resample a stream by soxr HQ, block by block, exactly as soxr resamples it whole.

    Samples that already have the wanted rate pass through unchanged, bit for bit. Where the rate changes
    in the middle of the stream, what came before is brought to its end and the rest begins anew, so that
    each part keeps its pitch. One thread at a time; nothing here blocks.

    Parameters
    ----------
    sample_rate : int
        Rate of the output, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._source_rate: int | None = None
        self._stream: soxr.ResampleStream | None = None

    def push(self, block: NDArray[np.float32], *, sample_rate: int) -> NDArray[np.float32]:
        """Resample the next block.

        Parameters
        ----------
        block : float32 array, shape [n]
        sample_rate : int
            Rate of this block, in Hz, greater than zero.

        Returns
        -------
        float32 array, shape [k]
            What is ready; the filter holds some tens of samples back until `flush`.
        """
        if sample_rate == self._source_rate:
            return self._resample(block)
        rest = self.flush()
        self._source_rate = sample_rate
        if sample_rate != self._sample_rate:
            self._stream = soxr.ResampleStream(
                sample_rate, self._sample_rate, num_channels=1, dtype="float32", quality=_QUALITY
            )
        first = self._resample(block)
        return np.concatenate((rest, first)) if len(rest) else first

    def flush(self) -> NDArray[np.float32]:
        """End the stream (or its present part) and give what the filter held back.

        Returns
        -------
        float32 array, shape [k]
        """
        self._source_rate = None
        stream, self._stream = self._stream, None
        if stream is None:
            return np.empty(0, dtype=np.float32)
        rest: NDArray[np.float32] = stream.resample_chunk(np.empty(0, dtype=np.float32), last=True)
        return rest

    def _resample(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._stream is None:
            return block
        resampled: NDArray[np.float32] = self._stream.resample_chunk(block)
        return resampled
