"""Checks that features equal the librosa oracle's, on synthetic pieces, edge cases and real music."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from featurizer import GTZAN57, Featurizer
from featurizer.parity import FEATURE_SD, TOLERANCE_SD, compare
from tests.featurizer.oracle import oracle_features
from tests.featurizer.signals import EDGE_CASES, N, music
from tests.paths import DATA, needs_data

N_REAL_WINDOWS = 608
LAPS = 4
TEMPO = GTZAN57.feature_names.index("tempo")


@pytest.fixture(scope="module")
def cpu() -> Iterator[Featurizer]:
    with Featurizer(device="cpu") as featurizer:
        yield featurizer


def test_equal_features_are_no_distance_apart() -> None:
    features = np.ones((2, GTZAN57.width))
    parity = compare(features, features)
    assert parity.worst[1] == 0
    assert parity.tempo_equal == 1
    assert parity.n_windows == 2


def test_a_difference_is_counted_in_the_features_standard_deviations() -> None:
    oracle = np.ones((3, GTZAN57.width))
    features = oracle.copy()
    features[1, 4] += 0.5 * FEATURE_SD[4]
    parity = compare(features, oracle)
    name, distance = parity.worst
    assert name == GTZAN57.feature_names[4] == "spectral_centroid_mean"
    assert distance == pytest.approx(0.5)
    assert parity.max_sd["rms_mean"] == 0
    assert "spectral_centroid_mean" in str(parity)


def test_tempo_is_counted_by_the_window_and_not_in_standard_deviations() -> None:
    oracle = np.full((4, GTZAN57.width), 100.0)
    features = oracle.astype(np.float32)
    features[0, TEMPO] = 101
    parity = compare(features, oracle)
    assert parity.tempo_equal == 0.75
    assert "tempo" not in parity.max_sd
    assert parity.worst[1] == 0


def test_nan_is_further_than_any_number() -> None:
    oracle = np.ones((1, GTZAN57.width))
    features = oracle.copy()
    features[0, 0] = 1e9
    features[0, 3] = np.nan
    assert compare(features, oracle).worst[0] == GTZAN57.feature_names[3]


@pytest.mark.parametrize("shape", [(0, 57), (57,), (1, 56)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        compare(np.zeros(shape), np.zeros(shape))


@pytest.mark.slow
@needs_data
def test_the_standard_deviations_are_those_of_the_published_windows() -> None:
    with gzip.open(DATA / "features" / "gtzan_3s.csv.gz", "rt", newline="") as lines:
        table = np.array([[row[name] for name in GTZAN57.feature_names] for row in csv.DictReader(lines)])
    np.testing.assert_allclose(FEATURE_SD, table.astype(np.float64).std(axis=0), rtol=1e-6)


@pytest.mark.slow
def test_synthetic_pieces_agree_with_librosa(cpu: Featurizer) -> None:
    windows = np.stack([music(seed) for seed in range(12)])
    parity = compare(cpu(windows), oracle_features(windows))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_agree_with_librosa(cpu: Featurizer, name: str) -> None:
    """One tolerance for all: the worst measured is 2e-4 ("two clicks a second").

    On clicks librosa itself moves by up to 0.03 standard deviations between single and double precision:
    their spectrum is flat, so rounding decides the tuning. They agree because moduli are rounded alike.
    """
    window = EDGE_CASES[name]()[None]
    parity = compare(cpu(window), oracle_features(window))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity


def _real_windows(lap: int) -> NDArray[np.float32]:
    """One window of every track, from another place in each lap."""
    paths: list[Path] = sorted((DATA / "audio" / "gtzan_tracks").glob("*/*.flac"))
    windows: list[NDArray[np.float32]] = []
    for index, path in enumerate(paths, start=lap * len(paths)):
        start = N * ((7 * index + 3 * lap) % 9)
        samples, _ = soundfile.read(path, start=start, stop=start + N, dtype="float32")
        windows.append(samples)
    return np.stack(windows)


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("lap", range(LAPS))
def test_real_windows_of_all_genres_agree_with_librosa(cpu: Featurizer, lap: int) -> None:
    windows = _real_windows(lap)
    assert len(windows) == N_REAL_WINDOWS // LAPS
    parity = compare(cpu(windows), oracle_features(windows))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity
