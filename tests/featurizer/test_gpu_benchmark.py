"""Checks that the benchmark for bare machines runs to its end here, and that its oracle fits its windows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import agreement, report, roofline, synthesis
from benchmarks.gpu.timing import percentiles
from featurizer.gpu import GpuBackend
from featurizer.spec import GTZAN57
from tests.featurizer.oracle import oracle_features
from tests.paths import REPOSITORY


def test_the_sine_made_of_additions_and_products_is_a_sine() -> None:
    turns = np.linspace(-3, 3, 10_001)
    np.testing.assert_allclose(synthesis.sine(turns), np.sin(2 * np.pi * turns), atol=1e-6)


def test_noise_is_centred_and_of_unit_variance() -> None:
    noise = synthesis.noise(0)
    assert abs(noise.mean()) < 0.02
    assert noise.var() == pytest.approx(1, abs=0.02)


def test_a_changed_window_or_feature_set_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "windows", lambda: (np.zeros((80, 9), np.float32), ["silence"] * 80))
    with pytest.raises(RuntimeError, match="make_oracle"):
        agreement.oracle()
    monkeypatch.undo()
    monkeypatch.setattr(agreement, "GTZAN57", replace(GTZAN57, revision=99))
    with pytest.raises(RuntimeError, match="make_oracle"):
        agreement.oracle()


@pytest.mark.slow
def test_the_oracles_features_are_librosas_of_these_windows() -> None:
    windows, kinds, features = agreement.oracle()
    assert len(windows) == len(kinds) == len(features) >= 64
    some = [0, 17, 42, 50, 58, 66, 70, 75, 79]
    np.testing.assert_allclose(features[some], oracle_features(windows[some]), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_a_back_end_that_is_wrong_fails_parity(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = GpuBackend(GTZAN57, device="cpu")
    right = agreement.oracle()[2]

    def wrong(_: object, windows: np.ndarray) -> np.ndarray:
        features = right.astype(np.float32)
        features[3, 4] += 20.0
        return features

    monkeypatch.setattr(GpuBackend, "__call__", wrong)
    found = agreement.parity(backend)
    assert not found["passed"]
    assert [kind for kind, row in found["kinds"].items() if not row["passed"]] == ["music"]
    assert found["kinds"]["music"]["worst"] == "spectral_centroid_mean"


def test_the_paper_roofline_prefers_kernels_to_eager_torch() -> None:
    fused = roofline.triton_work(GTZAN57, precision="double")
    eager = roofline.torch_work(GTZAN57, precision="double")
    assert fused.keys() == eager.keys()
    assert 4 * sum(w.bytes for w in fused.values()) < sum(w.bytes for w in eager.values())
    # A window is uploaded in 265 kB, and no stage can do with less than what it reads.
    assert all(work.bytes > 0 for work in fused.values())


def test_the_readme_holds_the_roofline_that_the_program_prints() -> None:
    readme = (REPOSITORY / "benchmarks/gpu/README.md").read_text()
    assert roofline.table(GTZAN57, card=roofline.H100) in readme


def test_percentiles_are_of_the_times() -> None:
    found = percentiles([float(value) for value in range(101)])
    assert (found["n"], found["p50"], found["p95"], found["p99"]) == (101, 50, 95, 99)


@pytest.mark.slow
def test_the_script_runs_to_its_end_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    command = [sys.executable, "benchmarks/gpu/run.py", "--out", str(out), "--device", "cpu", "--quick"]
    command += ["--batches", "2", "--windows", "2"]
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(out.read_text())
    assert result["passed"]
    assert result["imported_unwanted"] == []
    assert set(result["stages"]) == {"torch double", "torch single"}
    assert "songs a second" in run.stdout
    assert report.text(result) in run.stdout
