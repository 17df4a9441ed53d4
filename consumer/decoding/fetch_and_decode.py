"""Turns a URI into windows in a sink: fetch, decode, cut; loaded by children only."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO

from consumer.config import FetchSettings
from consumer.decoding.messages import Fetched, Finished, Retried, Task, Tell
from consumer.decoding.sinks import WindowSink
from consumer.errors import AudioNotFoundError, FetchDeniedError, ForbiddenUriError
from consumer.fetch import Fetched as FetchedAudio
from consumer.fetch import Fetcher
from featurizer.spec import FeatureSpec
from featurizer.track import AudioReport, TrackReader
from featurizer.window_policy import WindowPolicy


class FetchingDecoder:
    """Does one task after another.

    Parameters
    ----------
    fetch : FetchSettings
        Where audio may come from.
    max_duration_seconds : float
        A longer track is refused.
    spec : FeatureSpec
        Gives rate and length of a window.
    policy : WindowPolicy
        Which windows are wanted.
    windows_at_once : int
        How many the sink is given at a time, where there are so many.
    """

    def __init__(
        self,
        fetch: FetchSettings,
        *,
        max_duration_seconds: float,
        spec: FeatureSpec,
        policy: WindowPolicy,
        windows_at_once: int,
    ) -> None:
        self._windows_at_once = windows_at_once
        self._open = partial(TrackReader, spec=spec, max_duration_seconds=max_duration_seconds, policy=policy)
        self._on_retry: Callable[[str], None] | None = None
        self._fetcher = Fetcher(fetch, on_retry=self._retried)

    def __call__(self, task: Task, sink: WindowSink, tell: Tell) -> Finished:
        """Fetch, decode and cut one track.

        Raises
        ------
        FetchError
            As `Fetcher.fetch` says.
        AudioError
            As `TrackReader` says.
        """
        started, cpu_started = time.monotonic(), time.process_time()
        self._on_retry = lambda cause: tell(Retried(task.number, cause))
        with ExitStack() as stack:
            fetched, otherwise = self._fetch(task, stack, deadline=started + task.fetch_seconds)
            decoding, cpu_decoding = time.monotonic(), time.process_time()
            tell(Fetched(task.number, decoding - started, fetched.size_bytes, otherwise))
            report, stopped = self._decode(fetched.file, sink)
        return Finished(
            task.number,
            duration_seconds=float(report.duration_seconds),
            codec=str(report.codec),
            sample_rate=int(report.sample_rate),
            warnings=tuple(str(warning) for warning in report.warnings),
            decode_seconds=max(time.monotonic() - decoding - sink.seconds, 0.0),
            featurize_seconds=sink.featurize_seconds,
            fetch_cpu_seconds=cpu_decoding - cpu_started,
            decode_cpu_seconds=max(time.process_time() - cpu_decoding - sink.cpu_seconds, 0.0),
            featurize_cpu_seconds=sink.cpu_seconds,
            windows=report.windows,
            stopped=stopped,
        )

    def _fetch(self, task: Task, stack: ExitStack, *, deadline: float) -> tuple[FetchedAudio, bool]:
        """Give the audio, and whether it is that of the other URI; it is let go with `stack`."""
        fetch = partial(self._fetcher.fetch, deadline=deadline, spelling=task.spelling)
        try:
            return stack.enter_context(fetch(task.uri)), False
        # A store may deny that an object exists, or an allow-list mean the other reading only.
        except (AudioNotFoundError, FetchDeniedError, ForbiddenUriError) as exc:
            if task.otherwise is None:
                raise
            first = exc
        try:
            return stack.enter_context(fetch(task.otherwise)), True
        except (FetchDeniedError, ForbiddenUriError):
            raise first from None  # the other reading was a guess, and was none of ours

    def _decode(self, file: BinaryIO, sink: WindowSink) -> tuple[AudioReport, bool]:
        with self._open(file) as reader:
            for windows in reader.windows(room=partial(sink.room, self._windows_at_once)):
                sink.put(windows)
                if sink.enough:
                    reader.stop()
                    return reader.report, True
            return reader.report, False

    def _retried(self, cause: str) -> None:
        if self._on_retry is not None:
            self._on_retry(cause)
