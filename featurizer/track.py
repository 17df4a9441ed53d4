"""Turns one encoded track into windows and a report of what was found on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from featurizer.decode import AudioStream, open_audio
from featurizer.errors import CorruptAudioError, TooLongError, TooShortError
from featurizer.source import AudioFile
from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.windows import Windower

MAX_DURATION_SECONDS = 3_600.0
"""Default limit of a track's length: an hour, which decodes in about six seconds on one core."""

# A header may lie about the length. Fewer bytes a second carry not even speech: such a track is decoded and
# measured rather than refused for what its header says.
_LEAST_BYTES_A_SECOND = 250


@dataclass(frozen=True, slots=True)
class AudioReport:
    """What decoding showed.

    Attributes
    ----------
    duration_seconds : float
        Of the audio that was decoded.
    codec : str
        FFmpeg's short name.
    sample_rate : int
        Of the source, in Hz.
    warnings : tuple of str
        Sorted, of: `band_limited` (the source's rate is below the spec's), `clipped` (more than 0.1% of the
        samples are at full scale), `short` (less than a window, repeated to fill it), `silent` (no sample
        above -80 dB of full scale), `truncated` (the file is cut or damaged; what there is was used).
    """

    duration_seconds: float
    codec: str
    sample_rate: int
    warnings: tuple[str, ...]


class TrackReader:
    """Read one track as windows. A context manager; one thread at a time; reading may block on the file.

    Parameters
    ----------
    file : path or seekable binary file object
        A file object stays open.
    spec : FeatureSpec
        Rules of sample rate and window.
    max_duration_seconds : float
        A longer track is refused.

    Raises
    ------
    AudioError
        As `featurizer.decode.open_audio` says, and `TooLongError` where the header already shows it.
    OSError, or whatever the file object raises
        When the file cannot be read.
    """

    def __init__(
        self,
        file: AudioFile,
        *,
        spec: FeatureSpec = GTZAN57,
        max_duration_seconds: float = MAX_DURATION_SECONDS,
    ) -> None:
        self._spec = spec
        self._max_duration_seconds = max_duration_seconds
        self._windower = Windower(spec)
        self._report: AudioReport | None = None
        self._stream = open_audio(file, spec=spec)
        try:
            self._refuse_long_header()
        except TooLongError:
            self.close()
            raise

    def __enter__(self) -> TrackReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def report(self) -> AudioReport:
        """What decoding showed.

        Raises
        ------
        ValueError
            Before `windows` is exhausted: the warnings are known at the end only.
        """
        if self._report is None:
            raise ValueError("the report is ready when windows() is exhausted: iterate to its end first")
        return self._report

    def windows(self, *, batch: int = 16) -> Iterator[NDArray[np.float32]]:
        """Decode the track, once, and give its windows in batches.

        Parameters
        ----------
        batch : int
            Most windows at a time, at least 1. Each batch but the last has exactly so many.

        Yields
        ------
        float32 array, shape [k, window_samples], 1 <= k <= batch
            The caller's own copy. An error may follow windows that were given already.

        Raises
        ------
        TooShortError
            When the whole track is shorter than the spec's `min_samples`.
        TooLongError
            When it is longer than the limit.
        CorruptAudioError
            When it is damaged and less than `min_samples` could be decoded, or when nothing could.
        InvalidSamplesError, NotAudioError
            As `featurizer.decode.AudioStream.blocks` says.
        """
        waiting = np.empty((0, self._spec.window_samples), dtype=np.float32)
        for windows in self._windows():
            waiting = np.concatenate((waiting, windows)) if len(waiting) else windows
            while len(waiting) >= batch:
                yield waiting[:batch]
                waiting = waiting[batch:]
        if len(waiting):
            yield waiting
        self._report = self._make_report(self._stream)

    def close(self) -> None:
        """Free the decoder; a file that was given by its path is closed."""
        self._stream.close()

    def _windows(self) -> Iterator[NDArray[np.float32]]:
        for block in self._stream.blocks():
            yield self._windower.push(block)
            if self._windower.samples > self._max_duration_seconds * self._spec.sample_rate:
                raise TooLongError(f"track is too long: max_duration_seconds={self._max_duration_seconds:g}")
        try:
            yield self._windower.flush()
        except TooShortError as error:
            if self._windower.samples and not self._stream.truncated:
                raise
            seconds = self._windower.samples / self._spec.sample_rate
            raise CorruptAudioError(
                f"too little of a cut or damaged file can be decoded: duration_seconds={seconds:.3f}"
            ) from error

    def _refuse_long_header(self) -> None:
        declared = self._stream.info.duration_seconds
        if declared is None or declared <= self._max_duration_seconds:
            return
        if self._stream.size_bytes / declared >= _LEAST_BYTES_A_SECOND:
            raise TooLongError(
                f"track is too long: duration_seconds={declared:.0f}, "
                f"max_duration_seconds={self._max_duration_seconds:g}"
            )

    def _make_report(self, stream: AudioStream) -> AudioReport:
        spec, levels = self._spec, stream.levels
        found = {
            "band_limited": stream.info.sample_rate < spec.sample_rate,
            "clipped": levels.is_clipped,
            "short": self._windower.short,
            "silent": levels.is_silent,
            "truncated": stream.truncated,
        }
        return AudioReport(
            duration_seconds=self._windower.samples / spec.sample_rate,
            codec=stream.info.codec,
            sample_rate=stream.info.sample_rate,
            warnings=tuple(sorted(name for name, is_so in found.items() if is_so)),
        )
