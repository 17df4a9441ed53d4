"""Turns a seed into a small data folder of made-up tracks, laid out as the real one is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from featurizer.spec import GTZAN57

GENRES = ("blues", "jazz", "rock")
N_TRACKS, N_WINDOWS = 12, 4
SIDES = {"train": range(6), "valid": range(6, 8), "test": range(8, 11)}
EXCLUDED = (11,)


def write_data(folder: Path, *, seed: int = 0, audio: bool = True) -> Path:
    """Write tables, lists and one second of audio; genres differ by their features' means."""
    rng = np.random.default_rng(seed)
    (folder / "features").mkdir(parents=True)
    write_table(folder / "features/gtzan_3s.csv.gz", rng=rng, first_track=0, genres=GENRES)
    write_table(folder / "features/dsmusic_3s.csv.gz", rng=rng, first_track=100, genres=(*GENRES, "soul"))
    split = folder / "gtzan_split"
    split.mkdir()
    for side, numbers in SIDES.items():
        lines = [f"{genre}/{genre}.{number:05d}.wav" for genre in GENRES for number in numbers]
        (split / f"{side}_filtered.txt").write_text("\n".join(lines))
    excluded = [f"{genre}.{number:05d}" for genre in GENRES for number in EXCLUDED]
    (split / "excluded_70.txt").write_text("\n".join(excluded))
    (split / "same_recording_pairs_shazam.tsv").write_text(
        "track_a\ttrack_b\tkind\nblues.00011\tblues.00009\tsame_excerpt\njazz.00010\tjazz.00003\tsame_recording\n"
    )
    index = [
        f"{genre}.{number:05d}.wav ::: Artist {genre} {number // 2} ::: Title"
        for genre in GENRES
        for number in range(N_TRACKS)
    ]
    (split / "GTZANindex.txt").write_text("## header\n" + "\n".join(index))
    if audio:
        heard = folder / "audio/gtzan_snippets/rock"
        heard.mkdir(parents=True)
        samples = rng.normal(scale=0.1, size=GTZAN57.sample_rate * 2).astype(np.float32)
        for number in (0, 8):
            soundfile.write(heard / f"rock.{number:05d}.flac", samples, GTZAN57.sample_rate)
    return folder


def write_table(path: Path, *, rng: np.random.Generator, first_track: int, genres: tuple[str, ...]) -> None:
    """Write a feature table of every genre's tracks."""
    rows = []
    for place, genre in enumerate(genres):
        for number in range(first_track, first_track + N_TRACKS):
            middle = rng.normal(loc=3.0 * place + 10.0, scale=0.5, size=GTZAN57.width)
            for window in range(N_WINDOWS):
                values = middle + rng.normal(scale=0.5, size=GTZAN57.width)
                names = dict(zip(GTZAN57.feature_names, np.abs(values), strict=True))
                rows.append({"filename": f"{genre}.{number:05d}.{window}.wav", **names, "label": genre})
    pd.DataFrame(rows).to_csv(path, index=False)
