"""Turns spectrogram pictures, in one npz or in a folder a genre, into labelled mel pictures."""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featurizer.spec import GTZAN57
from featurizer.tables import bin_frequencies, mel_filters
from training.errors import DataError
from training.windows import LabelledWindows

N_COLUMNS: Final = 248
"""Columns that pictures of a folder are brought to: as many as the npz of GTZAN has for its 30 seconds."""

_SUFFIXES: Final = frozenset({".jpeg", ".jpg", ".png"})
_FINE_N_FFT: Final = 32_768
"""Bins 0.7 Hz apart: the narrowest band of 512 mel bands still has eighteen."""

_NUMBERED: Final = re.compile(r"([a-z]+)\.?(\d{5})")
"""GTZAN's tracks; its published pictures leave out the dot."""


def read_images(path: Path, *, n_mels: int = GTZAN57.n_mels) -> LabelledWindows:
    """Read spectrogram pictures.

    Parameters
    ----------
    path : Path
        An npz or a folder. The npz has `images`, uint8 of shape (n, height, width), log spectrograms of
        linear frequency whose first row is half the sample rate of 22,050 Hz, and `tracks`, text of shape
        (n,), as `genre.rest`; its rows are warped to mel bands. The folder has one folder a genre with PNG or
        JPEG pictures named like the track, highest frequency at the top; they are made grey, a plain white or
        transparent margin is cut off, and they are scaled to `n_mels` rows and 248 columns: whatever
        frequency axis they were drawn with, they keep.
    n_mels : int
        Rows of the pictures that are returned, at least 1.

    Returns
    -------
    LabelledWindows
        One row a picture, shape (n_mels, n_columns), in [0, 1], low bands first; in order of track.

    Raises
    ------
    DataError
        Nothing is there; it is neither npz nor folder; an array is missing or of another type or shape; a
        picture cannot be read; a track is there twice or has no genre; there is none, or one genre only.
    """
    if path.is_dir():
        inputs, tracks = _read_folder(path, n_mels=n_mels)
    elif path.is_file():
        inputs, tracks = _read_npz(path, n_mels=n_mels)
    else:
        raise DataError(f"the pictures are not there, path={path}")
    genres = [track.partition(".")[0] for track in tracks]
    _refuse_bad_names(tracks, genres=genres, path=path)
    order = np.argsort(np.array(tracks))
    table = LabelledWindows(
        inputs, np.array(genres), np.array(tracks), np.ones(len(tracks), dtype=np.float32)
    )
    return table.rows(order)


def mel_warp(n_rows: int, *, n_mels: int) -> NDArray[np.float32]:
    """Build the matrix that turns rows of linear frequency into mel bands.

    The service's own triangular filters, each scaled to sum to 1, over values that are interpolated between
    the rows' centres. At the bottom, where a band is narrower than a row, it interpolates; at the top it
    averages. So a flat spectrum stays flat.

    Parameters
    ----------
    n_rows : int
        Rows of equal width from 0 Hz to half of 22,050 Hz, lowest first.
    n_mels : int
        Bands.

    Returns
    -------
    ndarray, shape (n_mels, n_rows), float32, at least 0
        Each row sums to 1.
    """
    fine = replace(GTZAN57, n_fft=_FINE_N_FFT, n_mels=n_mels)
    filters = mel_filters(fine).astype(np.float64)
    place = bin_frequencies(fine) / (fine.sample_rate / 2) * n_rows - 0.5
    between = np.stack([np.interp(place, np.arange(n_rows), unit) for unit in np.eye(n_rows)], axis=1)
    warp: NDArray[np.float64] = filters / filters.sum(axis=1, keepdims=True) @ between
    return warp.astype(np.float32)


def _read_npz(path: Path, *, n_mels: int) -> tuple[NDArray[np.float32], list[str]]:
    try:
        with np.load(path) as file:
            missing = [name for name in ("images", "tracks") if name not in file]
            if missing:
                raise DataError(f"the npz lacks arrays, path={path} missing={', '.join(missing)}")
            images, tracks = file["images"], file["tracks"]
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as exc:
        # A single array, text or a cut archive: numpy names each by another of these.
        raise DataError(f"the pictures are not an npz, path={path}: {str(exc).splitlines()[0]}") from exc
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise DataError(
            f"the npz's images must be uint8 of shape (n, height, width), path={path} dtype={images.dtype} "
            f"shape={images.shape}"
        )
    if tracks.dtype.kind != "U" or tracks.shape != images.shape[:1]:
        raise DataError(
            f"the npz's tracks must be text, one an image, path={path} dtype={tracks.dtype} "
            f"shape={tracks.shape} images={len(images)}"
        )
    warp = mel_warp(images.shape[1], n_mels=n_mels) / np.float32(255.0)
    inputs = np.matmul(warp, images[:, ::-1].astype(np.float32))
    # A row of the warp sums to 1 up to the last place.
    return np.minimum(inputs, np.float32(1.0)), tracks.tolist()


def _read_folder(folder: Path, *, n_mels: int) -> tuple[NDArray[np.float32], list[str]]:
    files = list(_pictures(folder))
    if not files:
        raise DataError(f"the folder holds no pictures as GENRE/NAME.png or .jpg, path={folder}")
    inputs = np.stack([_read_picture(file, n_mels=n_mels) for file in files])
    return inputs, [_track_of(file) for file in files]


def _pictures(folder: Path) -> Iterator[Path]:
    for genre in sorted(inner for inner in folder.iterdir() if inner.is_dir() and inner.name[0] != "."):
        yield from sorted(
            file for file in genre.iterdir() if file.suffix.lower() in _SUFFIXES and file.name[0] != "."
        )


def _track_of(file: Path) -> str:
    genre = file.parent.name
    numbered = _NUMBERED.fullmatch(file.stem)
    if numbered is not None and numbered[1] == genre:
        return f"{genre}.{numbered[2]}"
    return file.stem if file.stem.startswith(f"{genre}.") else f"{genre}.{file.stem}"


def _read_picture(file: Path, *, n_mels: int) -> NDArray[np.float32]:
    try:
        with Image.open(file) as picture:
            drawn = picture.convert("RGBA")
            # Transparent margins become white ones.
            page = Image.new("RGBA", drawn.size, "white")
            page.alpha_composite(drawn)
            grey = page.convert("L")
        pixels = np.asarray(grey)
        inside = _without_margin(pixels)
        scaled = Image.fromarray(inside).resize((N_COLUMNS, n_mels), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        # Pillow's own errors: no picture and a cut one are OSErrors, a broken PNG chunk is a SyntaxError.
        raise DataError(f"a picture cannot be read, path={file}: {str(exc).splitlines()[0]}") from exc
    return np.asarray(scaled, dtype=np.float32)[::-1] / np.float32(255.0)


def _without_margin(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    drawn = pixels < 255
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _refuse_bad_names(tracks: Sequence[str], *, genres: Sequence[str], path: Path) -> None:
    if not tracks:
        raise DataError(f"there are no pictures, path={path}")
    for track, genre in zip(tracks, genres, strict=True):
        if not genre or genre == track:
            raise DataError(f"a track is not named genre.rest, path={path} track={track!r}")
    twice = [track for track, count in Counter(tracks).items() if count > 1]
    if twice:
        raise DataError(f"a track is there twice, path={path} track={twice[0]} count={len(twice)}")
    if len(set(genres)) < 2:
        raise DataError(
            f"the pictures are of one genre only, path={path} genre={genres[0]}: "
            "a model tells at least two apart"
        )
