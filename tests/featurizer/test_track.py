"""Tracks of every format become windows and a report, or one named error."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.errors import TooLongError, TooShortError
from featurizer.source import AudioFile
from featurizer.spec import GTZAN57
from featurizer.track import AudioReport, TrackReader
from tests import audio


def read(file: AudioFile, *, batch: int = 16) -> tuple[NDArray[np.float32], AudioReport]:
    with TrackReader(file) as reader:
        windows = list(reader.windows(batch=batch))
        return np.concatenate(windows), reader.report


@pytest.mark.parametrize("codec", audio.CODECS)
def test_every_format_gives_its_whole_windows(
    codec: audio.Codec, piece: Callable[[audio.Codec], bytes]
) -> None:
    windows, report = read(io.BytesIO(piece(codec)))

    assert windows.shape == (1, GTZAN57.window_samples)
    assert windows.dtype == np.float32
    assert report.warnings == ()
    assert report.duration_seconds == pytest.approx(3.2, abs=0.1)


def test_batches_hold_as_many_windows_as_asked_and_the_last_the_rest(tmp_path: Path) -> None:
    path = audio.encode(audio.music(16.0, 22_050), 22_050, codec="wav_s16", path=tmp_path)

    with TrackReader(path) as reader:
        assert [len(windows) for windows in reader.windows(batch=2)] == [2, 2, 1]


def test_clip_of_two_seconds_is_repeated_and_marked_short(tmp_path: Path) -> None:
    clip = audio.music(2.0, 22_050)
    path = audio.encode(clip, 22_050, codec="wav_f32", path=tmp_path)

    windows, report = read(path)

    np.testing.assert_array_equal(windows[0], np.concatenate((clip, clip[:22_050])))
    assert report.warnings == ("short",)


def test_clip_under_one_second_is_too_short(tmp_path: Path) -> None:
    path = audio.encode(audio.music(0.99, 22_050), 22_050, codec="flac", path=tmp_path)

    with TrackReader(path) as reader, pytest.raises(TooShortError, match=r"duration_seconds=0\.990"):
        list(reader.windows())


def test_track_over_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    path = audio.encode(audio.music(5.0, 22_050), 22_050, codec="wav_s16", path=tmp_path)

    with pytest.raises(TooLongError, match="max_duration_seconds=4"):
        TrackReader(path, max_duration_seconds=4.0)


def test_source_below_the_wanted_rate_is_band_limited(tmp_path: Path) -> None:
    for sample_rate, warnings in ((16_000, ("band_limited",)), (22_050, ()), (44_100, ())):
        path = audio.encode(audio.chord(3.0, sample_rate), sample_rate, codec="flac", path=tmp_path)
        _, report = read(path)
        assert report.warnings == warnings
        assert report.sample_rate == sample_rate


def test_silence_is_labelled_and_called_silent(tmp_path: Path) -> None:
    path = audio.encode(audio.silence(3.0, 44_100), 44_100, codec="mp3", path=tmp_path)

    windows, report = read(path)

    assert len(windows) == 1
    assert report.warnings == ("silent",)


def test_warnings_are_sorted(tmp_path: Path) -> None:
    loud = np.clip(20 * audio.chord(1.5, 16_000), -1.0, 1.0)
    path = audio.encode(loud, 16_000, codec="wav_s16", path=tmp_path)

    _, report = read(io.BytesIO(path.read_bytes()[:-1_000]))

    assert report.warnings == ("band_limited", "clipped", "short", "truncated")


def test_report_waits_for_the_last_window(tmp_path: Path) -> None:
    path = audio.encode(audio.chord(6.0, 22_050), 22_050, codec="wav_s16", path=tmp_path)

    with TrackReader(path) as reader:
        windows = reader.windows(batch=1)
        next(windows)
        with pytest.raises(ValueError, match="exhausted"):
            _ = reader.report
        next(windows)
        assert next(windows, None) is None
        assert reader.report.duration_seconds == 6.0


def test_other_rules_of_the_spec_are_followed(tmp_path: Path) -> None:
    spec = replace(GTZAN57, sample_rate=16_000, window_samples=16_000, min_samples=8_000)
    path = audio.encode(audio.chord(2.5, 44_100), 44_100, codec="flac", path=tmp_path)

    with TrackReader(path, spec=spec) as reader:
        assert [windows.shape for windows in reader.windows()] == [(2, 16_000)]
