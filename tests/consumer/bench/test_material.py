"""Checks the music to measure on: what is taken of which file, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from consumer.bench.encoding import FORMATS, SAMPLE_RATE, read_stereo, write
from consumer.bench.material import (
    Sources,
    find_sources,
    join,
    make_mp3s,
    read_windows,
    song_batches,
)
from consumer.demo.synthesis import write_wav
from consumer.errors import SettingsError
from featurizer.decode import open_audio
from featurizer.errors import NotAudioError
from featurizer.spec import GTZAN57
from tests.audio import music


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three tracks of 7 s at 22,050 Hz, a text that calls itself an MP3, and a picture."""
    place = tmp_path / "music"
    place.mkdir()
    for number in range(3):
        write_wav(music(7.0, 22_050) * (0.2 + 0.3 * number), place / f"{number}.wav", sample_rate=22_050)
    (place / "text.mp3").write_text("This is no music.")
    (place / "cover.png").write_bytes(b"\x89PNG")
    return place


def test_sources_are_the_audio_files_in_a_shuffled_order_that_repeats(folder: Path, tmp_path: Path) -> None:
    found = find_sources(folder, folder=tmp_path)
    assert found.kind == "real"
    assert {path.name for path in found.paths} == {"0.wav", "1.wav", "2.wav", "text.mp3"}
    assert find_sources(folder, folder=tmp_path) == found


def test_a_folder_without_audio_is_a_setting_to_correct(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no audio files"):
        find_sources(tmp_path, folder=tmp_path)
    (tmp_path / "text.mp3").write_text("This is no music.")
    nothing = find_sources(tmp_path, folder=tmp_path)
    with pytest.raises(SettingsError, match="decoded"):
        read_windows(nothing, count=3)
    with pytest.raises(SettingsError, match="decoded"):
        join(nothing, seconds=3.0)


def test_windows_come_from_every_source_and_are_fewer_where_there_are_fewer(
    folder: Path, tmp_path: Path
) -> None:
    sources = find_sources(folder, folder=tmp_path)
    one_of_each = read_windows(Sources(sources.paths, real=True), count=4)
    peaks = sorted(float(np.abs(window).max()) for window in one_of_each)
    assert one_of_each.shape == (3, GTZAN57.window_samples)
    assert peaks[1] > 1.5 * peaks[0]
    assert read_windows(sources, count=100).shape == (6, GTZAN57.window_samples)


def test_sources_are_joined_around_and_around_and_get_two_sides(folder: Path, tmp_path: Path) -> None:
    samples = join(find_sources(folder, folder=tmp_path), seconds=25.0, first=2)
    assert samples.shape == (25 * SAMPLE_RATE, 2)
    assert float(np.abs(samples[-SAMPLE_RATE:]).max()) > 0.05
    assert not np.array_equal(samples[:, 0], samples[:, 1])


def test_mp3s_are_stereo_at_44100_hz_and_128_kbit_a_second(folder: Path, tmp_path: Path) -> None:
    sources = find_sources(folder, folder=tmp_path)
    tracks = make_mp3s(sources, tmp_path / "tracks", seconds=3.0, count=2)
    assert len(set(tracks)) == 2
    for track in tracks:
        with open_audio(track) as stream:
            assert (stream.info.codec, stream.info.sample_rate, stream.info.channels) == ("mp3", 44_100, 2)
            seconds = sum(map(len, stream.blocks())) / GTZAN57.sample_rate
        assert seconds == pytest.approx(3.0, abs=0.1)
        assert 8 * track.stat().st_size / seconds == pytest.approx(128_000, rel=0.1)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    samples = np.stack([music(1.0, SAMPLE_RATE)] * 2, axis=1).astype(np.float32) * np.float32(0.5)
    path = write(samples, tmp_path / f"track{FORMATS[name].suffix}", form=FORMATS[name])
    found = read_stereo(path, seconds=10.0)
    assert len(found) == pytest.approx(len(samples), abs=3_000)
    shared = min(len(found), len(samples))
    noise = np.sqrt(np.mean((found[:shared] - samples[:shared]) ** 2))
    assert noise < 0.2 * np.sqrt(np.mean(samples**2))
    assert len(read_stereo(path, seconds=0.5)) == SAMPLE_RATE // 2


def test_what_ffmpeg_cannot_read_is_not_audio(tmp_path: Path) -> None:
    (tmp_path / "text.mp3").write_text("This is no music.")
    with pytest.raises(NotAudioError):
        read_stereo(tmp_path / "text.mp3", seconds=1.0)


def test_songs_are_whole_batches_of_windows() -> None:
    windows = [np.full(3, number, dtype=np.float32) for number in range(7)]
    assert [batch[:, 0].tolist() for batch in song_batches(windows, size=3)] == [[0, 1, 2], [3, 4, 5]]
    assert [len(batch) for batch in song_batches(windows[:2], size=3)] == [2]
