"""Windows that are chosen from a track are the same that the whole track gives, found by seeking or not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from featurizer.decode import open_audio
from featurizer.source import AudioFile
from featurizer.spec import GTZAN57, FeatureSpec
from featurizer.spreading import Spread
from featurizer.track import AudioReport, TrackReader
from featurizer.window_policy import ALL, WindowPolicy
from featurizer.windows import Room
from tests import audio

TENTHS = replace(GTZAN57, window_samples=2_205, min_samples=441)
"""Windows of a tenth of a second."""


def read(
    file: AudioFile, policy: str = "all", *, spec: FeatureSpec = TENTHS, batch: int = 16
) -> tuple[NDArray[np.float32], AudioReport]:
    with TrackReader(file, spec=spec, policy=WindowPolicy.parse(policy)) as reader:
        batches = list(reader.windows(batch=batch))
        assert all(len(windows) == batch for windows in batches[:-1])
        return np.concatenate(batches), reader.report


def is_sought(file: AudioFile, policy: str) -> bool:
    def no_decoding(room: Room) -> Iterator[NDArray[np.float32]]:
        return iter(())

    with open_audio(file, spec=TENTHS, seeking=True) as stream:
        spread = Spread(stream, spec=TENTHS, policy=WindowPolicy.parse(policy), decode=no_decoding)
        list(spread.windows(lambda: np.empty((4, TENTHS.window_samples), dtype=np.float32)))
        return spread.all_sought


def tolerance(codec: audio.Codec) -> float:
    # Full scale is 1. FFmpeg's AAC encoder replaces noise by a note that noise was there, and the decoder
    # draws other noise after a seek. Opus forgets a seek exponentially.
    return {"m4a": 0.05, "opus": 1e-4}.get(codec, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "codec", ["wav_s16", "wav_f32", "aiff", "flac", "vorbis", "mp3", "m4a", "alac", "opus"]
)
def test_spread_windows_are_sought_and_equal_those_of_the_whole_track(
    codec: audio.Codec, tmp_path: Path
) -> None:
    path = audio.encode(audio.music(20.0, 44_100), 44_100, codec=codec, path=tmp_path)
    every, _ = read(path)

    windows, report = read(path, "spread:17")

    assert is_sought(path, "spread:17")
    assert report.windows == WindowPolicy("spread", 17).choose(len(every))
    np.testing.assert_allclose(windows, every[list(report.windows)], atol=tolerance(codec))
    assert report.duration_seconds == pytest.approx(20.0, abs=0.1)
    assert report.warnings == ()


@pytest.mark.parametrize("bit_rate", [8_000, 320_000])
def test_mp3_frames_that_borrow_much_are_decoded_early_enough(bit_rate: int, tmp_path: Path) -> None:
    sample_rate = 16_000 if bit_rate < 32_000 else 44_100
    samples = audio.music(8.0, sample_rate)
    path = audio.encode(samples, sample_rate, codec="mp3", path=tmp_path, bit_rate=bit_rate)
    every, _ = read(path)

    windows, report = read(path, "spread:9")

    assert report.windows is not None
    np.testing.assert_allclose(windows, every[list(report.windows)], atol=1e-6)


@pytest.mark.parametrize("codec", ["aac", "wma"])
def test_what_cannot_be_sought_is_decoded_whole(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.music(5.0, 44_100), 44_100, codec=codec, path=tmp_path)
    every, _ = read(path)

    windows, report = read(path, "spread:7", batch=3)

    assert not is_sought(path, "spread:7")
    # Of a track whose length shows at its end the windows may lie earlier, by less than one in four here.
    assert report.windows is not None
    wanted = WindowPolicy("spread", 7).choose(len(every))
    assert all(0 <= one - other < 4 for one, other in zip(wanted, report.windows, strict=True))
    np.testing.assert_array_equal(windows, every[list(report.windows)])


@pytest.mark.parametrize("seconds", [0.15, 0.7, 0.75])
def test_a_track_of_no_more_windows_than_asked_is_used_whole(seconds: float, tmp_path: Path) -> None:
    path = audio.encode(audio.noise(seconds, 44_100), 44_100, codec="flac", path=tmp_path)
    every, whole = read(path)

    for policy in ("first:7", "spread:7"):
        windows, report = read(path, policy)
        np.testing.assert_array_equal(windows, every)
        assert report.windows is None
        assert report.warnings == whole.warnings
        assert report.duration_seconds == pytest.approx(seconds, abs=1e-4)


def test_first_windows_end_the_decoding(tmp_path: Path) -> None:
    path = audio.encode(audio.noise(60.0, 22_050), 22_050, codec="wav_s16", path=tmp_path)
    every, _ = read(path)
    content = bytearray(path.read_bytes())
    file = io.BytesIO(content)

    windows, report = read(file, "first:5", batch=2)

    np.testing.assert_array_equal(windows, every[:5])
    assert report.duration_seconds == 60.0
    assert report.windows is None
    assert file.tell() < len(content) / 4


def test_spread_windows_of_a_file_that_is_shorter_than_it_says_come_from_what_there_is(
    tmp_path: Path,
) -> None:
    path = audio.encode(audio.music(10.0, 44_100), 44_100, codec="mp3", path=tmp_path)
    content = path.read_bytes()[: path.stat().st_size // 2]
    every, _ = read(io.BytesIO(content))

    windows, report = read(io.BytesIO(content), "spread:5")
    assert report.windows is not None
    assert len(windows) == 5
    assert report.warnings == ("truncated",)
    np.testing.assert_array_equal(windows, every[list(report.windows)])

    # Half of the windows that its header lets expect were given when the end came.
    windows, report = read(io.BytesIO(content), "spread:10", batch=2)
    assert report.windows is not None
    assert report.windows == WindowPolicy("spread", 10).choose(100)[: len(windows)]
    assert 4 <= len(windows) <= 5
    assert "truncated" in report.warnings
    np.testing.assert_allclose(windows, every[list(report.windows)], atol=1e-6)


def test_damage_between_windows_costs_the_windows_behind_it_nothing(tmp_path: Path) -> None:
    path = audio.encode(audio.noise(20.0, 22_050), 22_050, codec="flac", path=tmp_path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = bytes(30_000)

    windows, report = read(io.BytesIO(content), "spread:40", batch=4)

    assert report.windows is not None
    assert len(windows) == len(report.windows) > 30
    assert list(report.windows) == sorted(set(report.windows))
    assert "truncated" in report.warnings


def test_stop_makes_the_report_ready_before_the_end(tmp_path: Path) -> None:
    path = audio.encode(audio.noise(9.0, 22_050), 22_050, codec="flac", path=tmp_path)
    for policy, numbers in ((ALL, None), (WindowPolicy("spread", 8), (5, 16))):
        with TrackReader(path, spec=TENTHS, policy=policy) as reader:
            next(reader.windows(batch=2))
            reader.stop()
            assert reader.report.duration_seconds == 9.0
            assert reader.report.windows == numbers
