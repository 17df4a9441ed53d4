"""Turns one encoded track into windows and a report of what was found on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from featurizer.decode import open_audio
from featurizer.errors import CorruptAudioError, TooLongError, TooShortError
from featurizer.source import AudioFile
from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.spreading import Spread
from featurizer.window_policy import ALL, WindowPolicy
from featurizer.windows import Room, Windower

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
        Of the audio that was decoded; where not all of it was, of the track as its header says (where it
        says nothing: up to the last sample that was decoded).
    codec : str
        FFmpeg's short name.
    sample_rate : int
        Of the source, in Hz.
    warnings : tuple of str
        Sorted, of: `band_limited` (the source's rate is below the spec's), `clipped` (more than 0.1% of the
        samples are at full scale), `short` (less than a window, repeated to fill it), `silent` (no sample
        above -80 dB of full scale), `truncated` (the file is cut or damaged; what there is was used). Where
        not all was decoded they tell of what was.
    windows : tuple of int or None
        Numbers of the windows that were given, from 0 on along the track; None where these are the first
        ones, each following the one before.
    """

    duration_seconds: float
    codec: str
    sample_rate: int
    warnings: tuple[str, ...]
    windows: tuple[int, ...] | None = None


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
    policy : WindowPolicy
        Which windows are wanted. `spread` seeks in MP3 whose header counts its frames, in FLAC, WAV and AIFF
        of plain samples, Ogg Vorbis, Ogg Opus and AAC or ALAC in MP4. All else is decoded whole: MP3 without
        a count, ADTS, WMA, Matroska, chained Ogg, and what proves damaged or shorter than its header says.

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
        policy: WindowPolicy = ALL,
    ) -> None:
        self._spec = spec
        self._max_duration_seconds = max_duration_seconds
        self._policy = policy
        self._samples = 0
        self._short = False
        self._report: AudioReport | None = None
        self._stream = open_audio(file, spec=spec, seeking=policy.kind == "spread")
        self._spread: Spread | None = None
        if policy.kind == "spread":
            self._spread = Spread(self._stream, spec=spec, policy=policy, decode=self._decode)
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
            Before `windows` is exhausted or `stop` called: the warnings are known at the end only.
        """
        if self._report is None:
            raise ValueError("the report is ready when windows() is exhausted: iterate to its end first")
        return self._report

    def windows(self, *, batch: int = 16, room: Room | None = None) -> Iterator[NDArray[np.float32]]:
        """Decode the track, once, and give its windows in batches, in order of time.

        Parameters
        ----------
        batch : int
            Most windows at a time, at least 1. Each batch but the last has exactly so many.
        room : callable, optional
            Gives the memory for each batch, float32 [batch, window_samples]; fresh memory where it is null.

        Yields
        ------
        float32 array, shape [k, window_samples], 1 <= k <= batch
            The first rows of what `room` gave. An error may follow windows that were given already.

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
        room = room or self._fresh(batch)
        if self._spread is not None:
            yield from self._spread.windows(room)
        elif self._policy.count is not None:
            yield from self._first(self._policy.count, room)
        else:
            yield from self._decode(room)
        if self._spread is not None and self._spread.all_sought:
            self.stop()
        elif self._report is None:
            self._report = self._make_report(duration_seconds=self._samples / self._spec.sample_rate)

    def stop(self) -> None:
        """Want no more windows than those that were given: the report is ready. `windows` must not go on."""
        decoded = self._samples / self._spec.sample_rate
        self._report = self._make_report(duration_seconds=self._stream.info.duration_seconds or decoded)

    def close(self) -> None:
        """Free the decoder; a file that was given by its path is closed."""
        self._stream.close()

    def _fresh(self, n_windows: int) -> Room:
        return lambda: np.empty((n_windows, self._spec.window_samples), dtype=np.float32)

    def _decode(self, room: Room) -> Iterator[NDArray[np.float32]]:
        windower = Windower(self._spec, room=room)
        most_samples = self._max_duration_seconds * self._spec.sample_rate
        for block in self._stream.blocks():
            self._samples = windower.samples + len(block)
            yield from windower.push(block)
            if self._samples > most_samples:
                raise TooLongError(f"track is too long: max_duration_seconds={self._max_duration_seconds:g}")
        try:
            rest = windower.flush()
        except TooShortError as error:
            if self._samples and not self._stream.truncated:
                raise
            seconds = self._samples / self._spec.sample_rate
            raise CorruptAudioError(
                f"too little of a cut or damaged file can be decoded: duration_seconds={seconds:.3f}"
            ) from error
        self._short = windower.short
        if len(rest):
            yield rest

    def _first(self, count: int, room: Room) -> Iterator[NDArray[np.float32]]:
        wanted = count

        def room_for_wanted() -> NDArray[np.float32]:
            return room()[:wanted]

        for windows in self._decode(room_for_wanted):
            wanted -= len(windows)
            yield windows
            if not wanted:
                self.stop()
                return

    def _refuse_long_header(self) -> None:
        declared = self._stream.info.duration_seconds
        if declared is None or declared <= self._max_duration_seconds:
            return
        if self._stream.size_bytes / declared >= _LEAST_BYTES_A_SECOND:
            raise TooLongError(
                f"track is too long: duration_seconds={declared:.0f}, "
                f"max_duration_seconds={self._max_duration_seconds:g}"
            )

    def _make_report(self, *, duration_seconds: float) -> AudioReport:
        stream = self._stream
        found = {
            "band_limited": stream.info.sample_rate < self._spec.sample_rate,
            "clipped": stream.levels.is_clipped,
            "short": self._short,
            "silent": stream.levels.is_silent,
            "truncated": stream.truncated,
        }
        return AudioReport(
            duration_seconds=duration_seconds,
            codec=stream.info.codec,
            sample_rate=stream.info.sample_rate,
            warnings=tuple(sorted(name for name, is_so in found.items() if is_so)),
            windows=self._numbers(),
        )

    def _numbers(self) -> tuple[int, ...] | None:
        numbers = [] if self._spread is None else self._spread.numbers
        return None if numbers == list(range(len(numbers))) else tuple(numbers)
