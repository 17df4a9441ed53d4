"""Checks the one entry to all back ends: what it takes and refuses, and that windows do not mix."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import featurizer
from featurizer import GTZAN57, Featurizer
from featurizer.errors import DeviceUnavailableError, InvalidSamplesError
from featurizer.featurizer import CHUNK_WINDOWS, MAX_MAGNITUDE
from featurizer.parity import TOLERANCE_SD, compare
from tests.featurizer.signals import EDGE_CASES, N, clicks, drum_beat, music, noise, tone

CHUNK = CHUNK_WINDOWS["cpu"]


@pytest.fixture(scope="module")
def cpu() -> Iterator[Featurizer]:
    with Featurizer(device="cpu") as made:
        yield made


def column(features: NDArray[np.float32], name: str) -> float:
    return float(features[0, GTZAN57.feature_names.index(name)])


def test_each_window_becomes_one_row_of_the_specs_width(cpu: Featurizer) -> None:
    features = cpu(np.stack([noise(seed=seed) for seed in range(CHUNK + 1)]))
    assert features.shape == (CHUNK + 1, GTZAN57.width)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_no_windows_become_no_rows(cpu: Featurizer) -> None:
    assert cpu(np.zeros((0, N), dtype=np.float32)).shape == (0, GTZAN57.width)


def test_a_windows_features_do_not_depend_on_its_neighbours(cpu: Featurizer) -> None:
    windows = np.stack([music(0), np.zeros(N, dtype=np.float32), noise(), clicks(9), tone(99.0)])
    together = cpu(windows)
    alone = np.concatenate([cpu(window[None]) for window in windows])
    reversed_ = cpu(windows[::-1])[::-1]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(together, reversed_, rtol=1e-5, atol=1e-6)


def test_a_back_end_sees_a_chunk_at_a_time_and_any_back_end_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def first_samples(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        seen.append(len(windows))
        return np.repeat(windows[:, :1], GTZAN57.width, axis=1)

    monkeypatch.setattr("featurizer.featurizer._backend", lambda *_, **__: first_samples)
    windows = np.zeros((2 * CHUNK + 1, N), dtype=np.float32)
    windows[:, 0] = np.arange(len(windows))
    with Featurizer(device="cpu") as other:
        np.testing.assert_array_equal(other(windows)[:, -1], np.arange(len(windows)))
    assert seen == [CHUNK, CHUNK, 1]


def test_the_same_windows_give_the_same_bits_again(cpu: Featurizer) -> None:
    windows = np.stack([music(0), music(1)])
    np.testing.assert_array_equal(cpu(windows), cpu(windows))


def test_windows_may_be_read_only_strided_or_backwards_and_are_left_as_they_were(cpu: Featurizer) -> None:
    strided = np.repeat(noise()[None], 2, axis=1)[:, ::2]
    frozen = strided.copy()
    frozen.setflags(write=False)
    backwards = noise()[None, ::-1].copy()[:, ::-1]
    np.testing.assert_array_equal(cpu(strided), cpu(frozen))
    np.testing.assert_array_equal(cpu(backwards), cpu(frozen))
    np.testing.assert_array_equal(cpu(frozen[::-1]), cpu(frozen))
    np.testing.assert_array_equal(frozen[0], noise())


@pytest.mark.parametrize("name", EDGE_CASES)
def test_no_feature_is_ever_nan_or_infinite(cpu: Featurizer, name: str) -> None:
    assert np.isfinite(cpu(EDGE_CASES[name]()[None])).all()


def test_samples_at_the_limit_of_magnitude_give_finite_features(cpu: Featurizer) -> None:
    loudest = noise() / np.abs(noise()).max() * np.float32(MAX_MAGNITUDE)
    assert np.isfinite(cpu(loudest[None])).all()


def test_a_tone_has_its_known_features(cpu: Featurizer) -> None:
    features = cpu(tone(1_000.0, amplitude=0.5)[None])
    assert column(features, "rms_mean") == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert column(features, "zero_crossing_rate_mean") == pytest.approx(2 * 1_000 / 22_050, rel=0.02)
    assert column(features, "spectral_centroid_mean") == pytest.approx(1_000, rel=0.02)
    assert column(features, "rolloff_mean") == pytest.approx(1_000, rel=0.02)
    assert column(features, "harmony_var") == pytest.approx(0.5**2 / 2, rel=0.01)
    assert column(features, "perceptr_var") < 1e-3


@pytest.mark.parametrize("bpm", [90.0, 120.0, 150.0])
def test_a_drum_beat_has_its_tempo_and_is_percussive(cpu: Featurizer, bpm: float) -> None:
    features = cpu(drum_beat(bpm)[None])
    # One lag of the tempogram is 2 to 4 beats a minute here.
    assert column(features, "tempo") == pytest.approx(bpm, abs=4)
    assert column(features, "perceptr_var") > 3 * column(features, "harmony_var")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2 * MAX_MAGNITUDE])
def test_samples_that_are_not_finite_are_refused_and_the_window_named(cpu: Featurizer, bad: float) -> None:
    windows = np.stack([noise(), noise(), noise()])
    windows[1, -1] = bad
    with pytest.raises(InvalidSamplesError, match="window=1 "):
        cpu(windows)


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        (np.zeros((1, N)), "float64"),
        (np.zeros((1, N), dtype=np.int16), "int16"),
        (np.zeros(N, dtype=np.float32), "shape"),
        (np.zeros((1, N - 1), dtype=np.float32), "shape"),
        (np.zeros((1, 1, N), dtype=np.float32), "shape"),
        ([0.0] * N, "list"),
    ],
)
def test_another_type_or_shape_is_refused(
    cpu: Featurizer, windows: NDArray[np.float32], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        cpu(windows)


def test_submitted_batches_give_what_calls_give(cpu: Featurizer) -> None:
    batches = [np.stack([noise(seed=seed), tone(99.0)]) for seed in range(2)]
    futures = [cpu.submit(batch) for batch in batches]
    for batch, future in zip(batches, futures, strict=True):
        np.testing.assert_array_equal(future.result(timeout=60), cpu(batch))


def test_a_submitted_batch_raises_from_its_future(cpu: Featurizer) -> None:
    future = cpu.submit(np.full((1, N), np.nan, dtype=np.float32))
    assert isinstance(future.exception(timeout=60), InvalidSamplesError)


def test_close_finishes_what_was_submitted_and_refuses_more() -> None:
    with Featurizer(device="cpu") as closing:
        future = closing.submit(noise()[None])
    assert future.done()
    assert future.result().shape == (1, GTZAN57.width)
    with pytest.raises(RuntimeError):
        closing.submit(noise()[None])
    with pytest.raises(RuntimeError):
        closing(noise()[None])
    closing.close()


def test_torchs_number_of_threads_is_left_alone() -> None:
    before = torch.get_num_threads()
    with Featurizer(device="cpu") as warmed:
        warmed.warm_up()
        warmed.submit(noise()[None]).result(timeout=60)
        assert torch.get_num_threads() == before


def test_auto_takes_a_device_that_is_there() -> None:
    with Featurizer() as automatic:
        assert automatic.device == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(DeviceUnavailableError, match="use auto or cpu"):
        Featurizer(device="cuda")


def test_an_unknown_device_or_feature_set_is_refused() -> None:
    with pytest.raises(ValueError, match="tpu"):
        Featurizer(device="tpu")
    with pytest.raises(ValueError, match="other"):
        Featurizer(device="cpu", spec=replace(GTZAN57, name="other"))


def test_unknown_names_of_the_package_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="Featurize"):
        featurizer.Featurize  # noqa: B018


@pytest.mark.parametrize("module", ["featurizer.spec", "featurizer.featurizer", "featurizer.tables"])
def test_what_a_cpu_needs_is_imported_without_torch_or_librosa(module: str) -> None:
    program = f"import {module}, sys; sys.exit(bool({{'torch', 'librosa', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow  # compiles a second transform
def test_single_precision_keeps_the_tolerance_on_music() -> None:
    windows = np.stack([music(seed) for seed in range(4)])
    with Featurizer(device="cpu") as double, Featurizer(device="cpu", precision="single") as single:
        assert (double.precision, single.precision) == ("double", "single")
        differences = compare(single(windows), double(windows))
    assert 0 < differences.worst[1] <= TOLERANCE_SD
