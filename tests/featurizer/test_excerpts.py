"""An excerpt holds the samples that decoding the whole track gives, at every rate."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from featurizer.decode import open_audio
from tests import audio


@pytest.mark.parametrize(
    "sample_rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 37_800, 44_100, 48_000, 96_000]
)
def test_excerpt_equals_the_whole_track_at_every_rate(sample_rate: int, tmp_path: Path) -> None:
    path = audio.encode(audio.noise(3.0, sample_rate), sample_rate, codec="wav_f32", path=tmp_path)
    with open_audio(path) as stream:
        whole = np.concatenate(list(stream.blocks()))

    with open_audio(path, seeking=True) as stream:
        assert stream.seekable_samples() == len(whole)
        for start in (0, 1, 137, 20_000, 22_050, len(whole) - 4_000):
            excerpt = np.full(4_000, np.nan, dtype=np.float32)
            assert stream.excerpt(start, into=excerpt)
            # soxr in single precision; white noise of standard deviation 0.1.
            np.testing.assert_allclose(excerpt, whole[start : start + 4_000], atol=1e-6)


def test_excerpt_beyond_the_end_is_none(tmp_path: Path) -> None:
    path = audio.encode(audio.noise(1.0, 22_050), 22_050, codec="flac", path=tmp_path)

    with open_audio(path, seeking=True) as stream:
        assert not stream.excerpt(22_050 - 99, into=np.empty(100, dtype=np.float32))
        assert not stream.excerpt(90_000, into=np.empty(100, dtype=np.float32))
        assert stream.excerpt(22_050 - 100, into=np.empty(100, dtype=np.float32))


class Breaking(io.BytesIO):
    """A file that breaks when it is told to."""

    broken = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.broken:
            raise TimeoutError("the store does not answer")
        return super().read(size)


@pytest.mark.parametrize("codec", ["flac", "m4a"])
def test_broken_file_is_the_files_error_not_the_audios(codec: audio.Codec, tmp_path: Path) -> None:
    path = audio.encode(audio.noise(20.0, 44_100), 44_100, codec=codec, path=tmp_path)
    file = Breaking(path.read_bytes())

    with open_audio(file, seeking=True) as stream:
        assert stream.seekable_samples() is not None
        file.broken = True
        with pytest.raises(TimeoutError):
            stream.excerpt(400_000, into=np.empty(100, dtype=np.float32))


def test_streams_without_exact_places_cannot_be_sought(tmp_path: Path) -> None:
    codecs: tuple[audio.Codec, ...] = ("aac", "wma")
    for codec in codecs:
        path = audio.encode(audio.noise(1.0, 44_100), 44_100, codec=codec, path=tmp_path)
        with open_audio(path, seeking=True) as stream:
            assert stream.seekable_samples() is None, codec
