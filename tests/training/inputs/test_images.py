"""Pictures become mel pictures whose bands are where they should be, and bad ones get one clear line."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featurizer.spec import GTZAN57
from featurizer.tables import mel_filters
from tests.paths import DATA
from training.errors import DataError
from training.inputs.images import N_COLUMNS, mel_warp, read_images

TRACKS = ("blues.00000", "blues.00001", "jazz.00000")


def write_npz(path: Path, **changed: object) -> Path:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(len(TRACKS), 184, 20), dtype=np.uint8)
    arrays = {"images": images, "tracks": np.array(TRACKS), **changed}
    with zipfile.ZipFile(path, "w") as file:
        for name, value in arrays.items():
            if value is not None:
                with file.open(f"{name}.npy", "w") as entry:
                    np.save(entry, np.asarray(value))
    return path


def draw(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_a_flat_spectrum_stays_flat() -> None:
    for n_rows, n_mels in ((184, 128), (184, 64), (20, 128)):
        warp = mel_warp(n_rows, n_mels=n_mels)
        assert warp.shape == (n_mels, n_rows)
        assert warp.min() >= 0.0
        np.testing.assert_allclose(warp @ np.full(n_rows, 0.3, dtype=np.float32), 0.3, rtol=1e-5)


@pytest.mark.parametrize("hertz", [200.0, 1_000.0, 3_000.0, 9_000.0])
def test_a_pure_tone_lands_in_the_band_that_the_service_puts_it_in(hertz: float) -> None:
    rows = np.zeros(184, dtype=np.float32)
    rows[int(hertz / 11_025 * 184)] = 1.0
    found = int(np.argmax(mel_warp(184, n_mels=64) @ rows))
    filters = mel_filters(GTZAN57)
    band = int(np.argmax(filters[:, round(hertz / 22_050 * 2_048)] / filters.sum(axis=1)))
    # A row is 60 Hz wide: at the bottom it covers two of 128 bands, one of 64.
    assert abs(found - band / 2) <= 1.5


def test_an_npz_gives_one_mel_picture_a_track_with_low_bands_first(tmp_path: Path) -> None:
    images = np.zeros((3, 184, 20), dtype=np.uint8)
    images[0, -4:] = 255  # the last rows are the lowest frequencies
    images[1, :4] = 255
    images[2, :, 5] = 255
    table = read_images(write_npz(tmp_path / "a.npz", images=images), n_mels=32)
    assert table.inputs.shape == (3, 32, 20)
    assert table.inputs.dtype == np.float32
    assert (table.inputs.min(), table.inputs.max()) == (0.0, pytest.approx(1.0))
    assert table.inputs.max() <= 1.0
    assert table.tracks.tolist() == list(TRACKS)
    assert table.genres.tolist() == ["blues", "blues", "jazz"]
    assert table.weights.tolist() == [1.0] * 3
    assert (table.inputs[0].argmax(axis=0) == 0).all()
    assert (table.inputs[1].argmax(axis=0) == 31).all()
    assert (table.inputs[2].argmax(axis=1) == 5).all()


def test_tracks_of_an_npz_are_sorted_with_their_pictures(tmp_path: Path) -> None:
    images = np.zeros((3, 8, 8), dtype=np.uint8)
    images[0] = 255
    table = read_images(write_npz(tmp_path / "a.npz", images=images, tracks=TRACKS[::-1]), n_mels=4)
    assert table.tracks.tolist() == sorted(TRACKS)
    np.testing.assert_allclose(table.inputs.mean(axis=(1, 2)), [0.0, 0.0, 1.0], atol=1e-6)


def test_a_folder_of_pictures_is_read_with_its_margin_cut_and_low_bands_first(tmp_path: Path) -> None:
    page = np.full((60, 100, 4), 255, dtype=np.uint8)
    page[10:50, 20:80, :3] = 40
    page[40:50, 20:80, :3] = 200
    draw(tmp_path / "blues/blues00007.png", page)
    page[:, :, 3] = 0  # a margin may be transparent over any colour
    page[10:50, 20:80, 3] = 255
    page[:10, :, :3] = 0
    draw(tmp_path / "jazz/jazz.00003.png", page)
    draw(tmp_path / "jazz/take five.jpg", np.full((40, 60), 100, dtype=np.uint8))
    (tmp_path / "jazz/notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    table = read_images(tmp_path, n_mels=8)
    assert table.tracks.tolist() == ["blues.00007", "jazz.00003", "jazz.take five"]
    assert table.genres.tolist() == ["blues", "jazz", "jazz"]
    assert table.inputs.shape == (3, 8, N_COLUMNS)
    for picture in table.inputs[:2]:
        np.testing.assert_allclose(picture[:2], 200 / 255, atol=0.01)
        np.testing.assert_allclose(picture[2:], 40 / 255, atol=0.01)
    np.testing.assert_allclose(table.inputs[2], 100 / 255, atol=0.02)


def not_there(folder: Path) -> Path:
    return folder / "none.npz"


def empty_folder(folder: Path) -> Path:
    (folder / "blues").mkdir()
    return folder


def text_file(folder: Path) -> Path:
    (folder / "a.npz").write_text("no archive")
    return folder / "a.npz"


def cut_npz(folder: Path) -> Path:
    whole = write_npz(folder / "a.npz").read_bytes()
    (folder / "a.npz").write_bytes(whole[: len(whole) // 2])
    return folder / "a.npz"


def single_array(folder: Path) -> Path:
    with (folder / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    return folder / "a.npz"


def broken_picture(folder: Path) -> Path:
    draw(folder / "jazz/a.png", np.zeros((8, 8), dtype=np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, size=(64, 64), dtype=np.uint8)
    whole = draw(folder / "blues/a.png", noise).read_bytes()
    (folder / "blues/a.png").write_bytes(whole[: len(whole) // 2])
    return folder


def same_track_twice(folder: Path) -> Path:
    for name in ("jazz/jazz.00001.png", "jazz/jazz00001.jpg", "blues/a.png"):
        draw(folder / name, np.zeros((8, 8), dtype=np.uint8))
    return folder


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (not_there, "not there"),
        (empty_folder, "holds no pictures"),
        (text_file, "not an npz"),
        (cut_npz, "not an npz"),
        (single_array, "not an npz"),
        (broken_picture, r"a picture cannot be read, path=.*blues/a\.png"),
        (same_track_twice, r"there twice, .*track=jazz\.00001"),
        (lambda folder: write_npz(folder / "a.npz", images=None), "lacks arrays, .*missing=images"),
        (lambda folder: write_npz(folder / "a.npz", tracks=None), "lacks arrays, .*missing=tracks"),
        (lambda folder: write_npz(folder / "a.npz", images=np.zeros((3, 8, 8))), "uint8.*float64"),
        (lambda folder: write_npz(folder / "a.npz", images=np.zeros((3, 8), dtype=np.uint8)), r"\(3, 8\)"),
        (lambda folder: write_npz(folder / "a.npz", tracks=TRACKS[:2]), "one an image"),
        (lambda folder: write_npz(folder / "a.npz", tracks=[1, 2, 3]), "must be text"),
        (lambda folder: write_npz(folder / "a.npz", tracks=np.array(TRACKS, dtype=object)), "not an npz"),
        (lambda folder: write_npz(folder / "a.npz", tracks=["a.1", "b.1", "b.1"]), r"twice, .*track=b\.1"),
        (lambda folder: write_npz(folder / "a.npz", tracks=["a.1", "a.2", "a.3"]), "one genre only"),
        (lambda folder: write_npz(folder / "a.npz", tracks=["a.1", "b.1", "c"]), "not named genre.rest"),
        (
            lambda folder: write_npz(
                folder / "a.npz", images=np.zeros((0, 8, 8), np.uint8), tracks=np.array([], str)
            ),
            "no pictures",
        ),
    ],
)
def test_what_cannot_be_read_gets_one_clear_line(
    tmp_path: Path, make: Callable[[Path], Path], line: str
) -> None:
    with pytest.raises(DataError, match=line) as error:
        read_images(make(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "images").is_dir(), reason=f"no pictures at {DATA / 'images'}")
def test_the_pictures_of_gtzan_are_all_read() -> None:
    table = read_images(DATA / "images/gtzan_spectrograms_30s.npz")
    assert table.inputs.shape == (999, 128, 248)
    assert len(np.unique(table.genres)) == 10
    assert 0.0 <= table.inputs.min() < table.inputs.max() <= 1.0
    # Music is louder in its low bands.
    assert table.inputs[:, :32].mean() > table.inputs[:, -32:].mean() + 0.1
