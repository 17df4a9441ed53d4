"""Checks the featurizer's benchmark with sides whose speed and features are known."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.bench.featurizer import Sides, measure
from featurizer.parity import FEATURE_SD
from featurizer.spec import GTZAN57

TEMPO = GTZAN57.feature_names.index("tempo")
RMS = GTZAN57.feature_names.index("rms_mean")


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def features_of(window: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.arange(1.0, 58.0) * (1.0 + float(window[0]))


def ours(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Half a millisecond a window; off by 0.01 standard deviations in one feature of one window."""
    burn(0.0005 * len(windows))
    found = np.stack([features_of(window) for window in windows])
    found[windows[:, 0] == 3.0, RMS] += 0.01 * FEATURE_SD[RMS]
    found[windows[:, 0] == 2.0, TEMPO] *= 1.5
    return found.astype(np.float32)


def tuned(window: NDArray[np.float32]) -> NDArray[np.float64]:
    burn(0.002)
    return features_of(window)


def naive(window: NDArray[np.float32]) -> NDArray[np.float64]:
    burn(0.006)
    return features_of(window)


def test_ratios_and_parity_are_those_of_the_sides() -> None:
    batches = [np.full((2, 8), number, dtype=np.float32) for number in range(4)]
    heard: list[str] = []
    told = measure(Sides(ours, tuned, naive, "cpu", "double"), batches, on_run=heard.append)
    assert json.loads(json.dumps(told)) == told
    assert {"ratio_best_librosa", "ratio_naive_librosa", "parity_max_sd", "tempo_equal"} <= told.keys()
    assert told["ratio_best_librosa"] == pytest.approx(4.0, rel=0.5)
    assert told["ratio_naive_librosa"] == pytest.approx(12.0, rel=0.5)
    assert told["parity_max_sd"] == pytest.approx(0.01, rel=0.01)
    assert told["parity_worst_feature"] == "rms_mean"
    assert told["tempo_equal"] == 0.75
    assert (told["device"], told["precision"]) == ("cpu", "double")
    assert (told["n_windows"], told["batch_windows"]) == (8, 2)
    assert told["best_librosa_parity_max_sd"] == 0.0
    assert told["sides"]["naive_librosa"]["ms_per_window"]["n"] == 4
    assert told["sides"]["naive_librosa"]["songs_per_second_per_core"] == pytest.approx(16.7, rel=0.3)
    assert len(heard) == 12


def test_a_gpus_time_is_that_of_the_wall() -> None:
    def waiting(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        time.sleep(0.002)  # the device works, and this process does not
        return np.stack([features_of(window) for window in windows])

    told = measure(Sides(waiting, tuned, naive, "cuda", "single"), [np.zeros((2, 8), dtype=np.float32)])
    assert told["ratios_compare"] == "wall time"
    assert told["ratio_naive_librosa"] == told["wall_ratio_naive_librosa"]
