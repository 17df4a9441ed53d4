"""Healthy files of every format become the mono samples that went in."""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray

from featurizer.decode import AudioInfo, open_audio
from featurizer.errors import InvalidSamplesError
from featurizer.source import AudioFile
from tests import audio
from tests.paths import DATA, needs_data

SIXTEEN_BITS = 2.0**-15
TARGET = 22_050

CODEC_NAMES: dict[audio.Codec, str] = {
    "wav_u8": "pcm_u8",
    "wav_s16": "pcm_s16le",
    "wav_s24": "pcm_s24le",
    "wav_s32": "pcm_s32le",
    "wav_f32": "pcm_f32le",
    "wav_f64": "pcm_f64le",
    "aiff": "pcm_s16be",
    "flac": "flac",
    "alac": "alac",
    "vorbis": "vorbis",
    "mp3": "mp3",
    "m4a": "aac",
    "m4a_fragmented": "aac",
    "aac": "aac",
    "opus": "opus",
    "wma": "wmav2",
}


def decode(file: AudioFile) -> NDArray[np.float32]:
    with open_audio(file) as stream:
        samples = np.concatenate(list(stream.blocks()))
        assert not stream.truncated
        return samples


def describe(file: AudioFile) -> AudioInfo:
    with open_audio(file) as stream:
        return stream.info


@pytest.mark.parametrize("codec", audio.LOSSLESS)
def test_lossless_file_of_the_wanted_rate_gives_its_samples_bit_for_bit(
    codec: audio.Codec, tmp_path: Path
) -> None:
    samples = np.rint(audio.music(1.0, TARGET) / SIXTEEN_BITS).astype(np.float32) * np.float32(SIXTEEN_BITS)
    path = audio.encode(samples, TARGET, codec=codec, path=tmp_path)

    np.testing.assert_array_equal(decode(path), samples)


@pytest.mark.parametrize("codec", audio.LOSSY)
def test_lossy_file_sounds_like_what_went_in(codec: audio.Codec, tmp_path: Path) -> None:
    samples = audio.chord(1.0, 44_100)
    path = audio.encode(audio.stereo(samples, samples), 44_100, codec=codec, path=tmp_path)

    decoded = decode(path)

    middle = soxr.resample(samples, 44_100, TARGET)[8_000:14_000]
    # Bare AAC frames and fragments carry no encoder delay to cut off: look where the sound lies.
    at = int(np.argmax(scipy.signal.correlate(decoded, middle, mode="valid")))
    np.testing.assert_allclose(decoded[at : at + len(middle)], middle, atol=0.05)
    assert len(decoded) == pytest.approx(TARGET, abs=0.1 * TARGET)


@pytest.mark.parametrize("codec", audio.CODECS)
def test_info_says_what_the_container_says(codec: audio.Codec, piece: Callable[[audio.Codec], bytes]) -> None:
    info = describe(io.BytesIO(piece(codec)))

    assert info.codec == CODEC_NAMES[codec]
    assert info.sample_rate == (48_000 if codec == "opus" else 44_100)
    assert info.channels == 2
    assert info.duration_seconds == pytest.approx(3.2, rel=0.1)


def test_stereo_is_averaged_then_resampled_as_soxr_does_it_whole(tmp_path: Path) -> None:
    left, right = audio.music(2.0, 44_100), audio.chirp(2.0, 44_100)
    path = audio.encode(audio.stereo(left, right), 44_100, codec="wav_f32", path=tmp_path)

    expected = soxr.resample((left + right) / np.float32(2), 44_100, TARGET, "HQ")

    # Equal to the last bit with soxr 0.1.3; the tolerance is one rounding of float32.
    np.testing.assert_allclose(decode(path), expected, rtol=0, atol=6e-8)


def test_opposite_channels_cancel_in_every_decoder(tmp_path: Path) -> None:
    left = audio.chord(1.0, 44_100)

    for codec in ("wav_s16", "alac"):
        path = audio.encode(audio.stereo(left, -left), 44_100, codec=codec, path=tmp_path / codec)
        assert np.abs(decode(path)).max() <= SIXTEEN_BITS


@pytest.mark.parametrize("channels", [1, 5, 7, 8])
@pytest.mark.parametrize("codec", ["wav_s24", "flac", "opus"])
def test_any_number_of_channels_is_averaged(codec: audio.Codec, channels: int, tmp_path: Path) -> None:
    columns = np.stack([audio.tone(150.0 * (index + 1), 0.4, 48_000) for index in range(channels)], axis=1)
    path = audio.encode(columns, 48_000, codec=codec, path=tmp_path, bit_rate=64_000 * channels)

    expected = soxr.resample(columns.mean(axis=1), 48_000, TARGET)
    tolerance = 0.04 if codec == "opus" else 2e-4 if codec == "flac" else 1e-4
    np.testing.assert_allclose(decode(path)[500:8_000], expected[500:8_000], atol=tolerance)


@pytest.mark.parametrize("sample_rate", [1_000, 11_025, 48_000, 384_000])
def test_any_sample_rate_is_brought_to_the_wanted_one(sample_rate: int, tmp_path: Path) -> None:
    path = audio.encode(audio.tone(220.0, 1.0, sample_rate), sample_rate, codec="flac", path=tmp_path)

    decoded = decode(path)

    assert len(decoded) == TARGET
    np.testing.assert_allclose(decoded[2_000:-2_000], audio.tone(220.0, 1.0, TARGET)[2_000:-2_000], atol=3e-3)


@pytest.mark.parametrize("sample", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_samples_that_are_no_numbers_are_refused(sample: float, sample_rate: int, tmp_path: Path) -> None:
    samples = audio.chord(1.0, sample_rate)
    samples[7_000] = sample
    path = audio.encode(samples, sample_rate, codec="wav_f32", path=tmp_path)

    with pytest.raises(InvalidSamplesError):
        decode(path)


def test_doubles_beyond_the_range_of_floats_are_refused(tmp_path: Path) -> None:
    samples = audio.chord(1.0, TARGET).astype(np.float64)
    samples[7_000] = 1e300
    path = audio.encode(samples, TARGET, codec="wav_f64", path=tmp_path)

    with pytest.raises(InvalidSamplesError):
        decode(path)


@pytest.mark.parametrize("codec", ["mp3", "flac", "wav_s16", "m4a"])
def test_content_counts_and_the_name_does_not(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.chord(0.3, TARGET), TARGET, codec=codec, path=tmp_path)
    expected = decode(path)

    for name in ("track.txt", "track.raw", "track.mp3", "track.wav"):
        np.testing.assert_array_equal(decode(path.rename(tmp_path / name)), expected)
        path = tmp_path / name


@pytest.mark.parametrize("codec", ["mp3", "flac", "m4a"])
def test_every_kind_of_file_object_gives_the_same_samples(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.chord(0.3, TARGET), TARGET, codec=codec, path=tmp_path)
    content = path.read_bytes()
    expected = decode(path)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(content))

    with ExitStack() as stack:
        temporary_files = [
            stack.enter_context(tempfile.TemporaryFile()),
            stack.enter_context(tempfile.NamedTemporaryFile()),
            stack.enter_context(tempfile.SpooledTemporaryFile()),
        ]
        for temporary in temporary_files:
            temporary.write(content)  # left unflushed, at its end
        files: list[Any] = [
            *temporary_files,
            stack.enter_context(path.open("rb")),
            stack.enter_context(path.open("rb", buffering=0)),
            stack.enter_context(gzip.open(tmp_path / "packed.gz", "rb")),
            io.BytesIO(content),
        ]
        for file in files:
            np.testing.assert_array_equal(decode(file), expected)
            assert not file.closed


@pytest.mark.parametrize("codec", ["mp3", "m4a"])
def test_position_of_the_callers_file_stays(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.chord(0.3, TARGET), TARGET, codec=codec, path=tmp_path)
    content = path.read_bytes()

    with path.open("rb") as file:
        file.seek(100)
        decode(file)
        assert file.read() == content[100:]


@pytest.mark.parametrize("codec", ["mp3", "flac", "m4a", "opus"])
def test_error_of_the_file_itself_is_raised_unchanged(
    codec: audio.Codec, piece: Callable[[audio.Codec], bytes]
) -> None:
    class Unreliable(io.BytesIO):
        """A file whose second half cannot be read."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() + (size or 0) > len(piece(codec)) // 2:
                raise TimeoutError("store did not answer")
            return super().read(size)

    with pytest.raises(TimeoutError, match="store did not answer"):
        decode(Unreliable(piece(codec)))


def test_missing_path_is_the_operating_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_audio(tmp_path / "missing.mp3")


@needs_data
def test_real_flac_of_the_wanted_rate_equals_soundfile_bit_for_bit() -> None:
    paths = sorted((DATA / "audio" / "gtzan_tracks").glob("*/*.flac"))[::60]
    assert paths

    for path in paths:
        expected, sample_rate = soundfile.read(path, dtype="float32")
        assert sample_rate == TARGET
        np.testing.assert_array_equal(decode(path), expected)
