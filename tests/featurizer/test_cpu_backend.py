"""Checks the whole CPU back end against the torch stages, on threads, and at other sizes and widths."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from featurizer.cpu.backend import CpuBackend, Precision
from featurizer.gpu import GpuBackend
from featurizer.parity import FEATURE_SD, TOLERANCE_SD, compare
from featurizer.spec import GTZAN57, FeatureSpec
from tests.featurizer.oracle import oracle_features
from tests.featurizer.signals import EDGE_CASES, music, noise

TEMPO = GTZAN57.feature_names.index("tempo")


@pytest.fixture(scope="module")
def backend() -> CpuBackend:
    return CpuBackend(GTZAN57)


def torch_features(windows: np.ndarray, *, spec: FeatureSpec = GTZAN57) -> np.ndarray:
    backend = GpuBackend(spec, device="cpu")
    return np.concatenate([backend(window[None]) for window in windows])


@pytest.mark.slow
@pytest.mark.parametrize("name", EDGE_CASES)
def test_features_of_edge_cases_equal_the_torch_stages(backend: CpuBackend, name: str) -> None:
    windows = EDGE_CASES[name]()[None]
    parity = compare(backend(windows), torch_features(windows))
    # What is left is mostly torchaudio's single-precision mel filters.
    assert parity.worst[1] <= 2e-4, parity


@pytest.mark.parametrize("precision", [pytest.param("single", marks=pytest.mark.slow), "double"])
def test_features_of_music_equal_the_torch_stages(precision: Precision) -> None:
    windows = np.stack([music(seed) for seed in range(2)])
    parity = compare(CpuBackend(GTZAN57, precision=precision)(windows), torch_features(windows))
    assert parity.worst[1] <= 2e-4, parity
    assert parity.tempo_equal == 1, parity


@pytest.mark.parametrize("n_samples", [8_192, pytest.param(44_100, marks=pytest.mark.slow), 73_728])
def test_windows_of_other_lengths_have_the_torch_stages_features(n_samples: int) -> None:
    spec = replace(GTZAN57, window_samples=n_samples)
    windows = np.stack([np.resize(music(seed), n_samples) for seed in range(2)])
    found, expected = CpuBackend(spec)(windows), torch_features(windows, spec=spec)
    distance = np.abs(found - expected) / FEATURE_SD
    distance[:, TEMPO] = found[:, TEMPO] != expected[:, TEMPO]
    assert distance.max() <= 2e-4, GTZAN57.feature_names[int(distance.max(axis=0).argmax())]


def test_threads_share_a_back_end_and_each_gets_its_own_features(backend: CpuBackend) -> None:
    batches = [np.stack([music(seed), noise(seed=seed)]) for seed in range(6)]
    expected = [backend(batch) for batch in batches]
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            for found, wanted in zip(pool.map(backend, batches), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)


def test_scratch_memory_is_used_again_and_holds_nothing_back(
    backend: CpuBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = backend(np.zeros((1, GTZAN57.window_samples), dtype=np.float32))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("scratch memory was allocated again")

    monkeypatch.setattr("featurizer.cpu.backend.window_scratch", refuse)
    backend(music(0)[None])
    np.testing.assert_array_equal(backend(np.zeros((1, GTZAN57.window_samples), dtype=np.float32)), alone)


def test_read_only_and_strided_windows_are_taken(backend: CpuBackend) -> None:
    windows = np.stack([music(0), music(1)])
    expected = backend(windows)
    frozen = windows.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(backend(frozen), expected)
    np.testing.assert_array_equal(backend(np.asfortranarray(windows)), expected)
    np.testing.assert_array_equal(backend(windows[::-1])[::-1], expected)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "other"}, "other"),
        ({"hop_length": 256}, "hop_length=256"),
        ({"n_fft": 1_024}, "n_fft=1024"),
        ({"hpss_kernel": 17}, "hpss_kernel=17"),
        ({"window_samples": 7_000}, "window_samples=7000"),
        ({"window_samples": 100_000}, "n_frames=196"),
        ({"n_chroma": 24}, "n_chroma=24"),
    ],
)
def test_feature_sets_that_it_does_not_compute_are_refused(changes: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        CpuBackend(replace(GTZAN57, **changes))  # type: ignore[arg-type]  # each value fits its field


@pytest.mark.slow
@pytest.mark.timeout(600)  # each width is compiled first: 20 s where a core is free
@pytest.mark.parametrize("vector_width", [4, 8])
def test_features_do_not_depend_on_the_width_of_vectors(backend: CpuBackend, vector_width: int) -> None:
    windows = np.stack([music(0), noise(), EDGE_CASES["two clicks a second"]()])
    found, expected = CpuBackend(GTZAN57, vector_width=vector_width)(windows), backend(windows)
    assert compare(found, expected).worst[1] <= 1e-6
    np.testing.assert_array_equal(found[:, TEMPO], expected[:, TEMPO])


@pytest.mark.slow
def test_single_precision_agrees_with_librosa_on_music() -> None:
    windows = np.stack([music(seed) for seed in range(8)])
    parity = compare(CpuBackend(GTZAN57, precision="single")(windows), oracle_features(windows))
    assert parity.worst[1] <= TOLERANCE_SD, parity
    assert parity.tempo_equal == 1, parity
