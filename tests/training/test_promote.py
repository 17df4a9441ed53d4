"""A candidate becomes the latest only if it does not lose on artists it has not heard, and only whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from featurizer.spec import GTZAN57
from modelzoo.publish import HELD_OUT_FILE
from modelzoo.registry import Registry, latest_version, point_latest
from tests.training.rivals import scores, write_rival
from training import promote as stage
from training.cli import app
from training.evaluate import TrackScores


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    root = tmp_path / "registry"
    write_rival(root)
    point_latest(root / "rival", "1.0.0")
    return root


def promote(candidate: Path, registry: Path, *more: str) -> Result:
    return CliRunner().invoke(
        app, ["promote", str(candidate), "--registry", str(registry), *more], env={"COLUMNS": "200"}
    )


def latest(registry: Path) -> str | None:
    return latest_version(registry / "rival")


def error_of(result: Result) -> str:
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("accuracy", [0.6, 0.7])
def test_a_better_candidate_and_an_equal_one_become_the_latest(
    registry: Path, tmp_path: Path, accuracy: float
) -> None:
    result = promote(write_rival(tmp_path / "new", version="1.1.0", accuracy=accuracy), registry)
    assert result.exit_code == 0, result.output
    assert "accuracy" in result.stdout
    assert latest(registry) == "1.1.0"
    folder = Registry(registry).load("rival").model_path.parent
    assert sorted(path.name for path in folder.iterdir()) == [
        "CARD.md",
        HELD_OUT_FILE,
        "manifest.json",
        "model.onnx",
    ]


def test_a_candidate_that_lost_is_not_promoted_even_if_its_test_is_better(
    registry: Path, tmp_path: Path
) -> None:
    worse = write_rival(tmp_path / "new", version="1.1.0", accuracy=0.55, test_accuracy=0.99)
    result = promote(worse, registry)
    assert result.exit_code == 1
    assert "loses" in error_of(result)
    assert "0.5500" in result.stdout
    assert latest(registry) == "1.0.0"
    assert not (registry / "rival/1.1.0").exists()


def test_a_candidate_as_often_right_about_other_tracks_may_by_chance_be_worse(
    registry: Path, tmp_path: Path
) -> None:
    # Right about as many, but about half of them others: the interval reaches far below the margin.
    result = promote(write_rival(tmp_path / "new", version="1.1.0", accuracy=0.6, seed=1), registry)
    assert result.exit_code == 1
    assert "may be" in error_of(result)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(registry: Path, tmp_path: Path) -> None:
    candidate = write_rival(tmp_path / "new", version="1.1.0", accuracy=0.7)
    result = promote(candidate, registry, "--dry-run", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["does_not_lose"], found["promoted_to"]) == (True, None)
    assert found["comparison"]["accuracy"]["mean"] == pytest.approx(0.1)
    assert latest(registry) == "1.0.0"


def spoil_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"half")


def forget_scores(folder: Path) -> None:
    (folder / HELD_OUT_FILE).unlink()


def take_scores_of_another(folder: Path) -> None:
    path = folder / HELD_OUT_FILE
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"sha256": "0" * 64}))


def spoil_scores(folder: Path) -> None:
    path = folder / HELD_OUT_FILE
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"truth": body["truth"][:-1]}))


@pytest.mark.parametrize(
    ("harm", "status", "said"),
    [
        (spoil_model, 1, "copy the artifact again"),
        (forget_scores, 2, "no held-out scores"),
        (take_scores_of_another, 2, "another model's"),
        (spoil_scores, 2, "not valid"),
    ],
)
def test_damage_is_one_line_and_leaves_the_registry_alone(
    registry: Path, tmp_path: Path, harm: Callable[[Path], None], status: int, said: str
) -> None:
    candidate = write_rival(tmp_path / "new", version="1.1.0", accuracy=0.9)
    harm(candidate)
    result = promote(candidate, registry)
    assert result.exit_code == status
    assert said in error_of(result)
    assert latest(registry) == "1.0.0"
    assert sorted(path.name for path in (registry / "rival").iterdir()) == ["1.0.0", "latest"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"spec_fingerprint": "a" * 64}, "feature fingerprint"),
        ({"window_samples": GTZAN57.window_samples * 2}, "window length"),
        ({"genres": ("blues", "jazz", "soul")}, "genres"),
    ],
)
def test_a_model_of_another_kind_of_input_or_output_does_not_fit(
    registry: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    candidate = write_rival(tmp_path / "new", version="1.1.0")
    manifest = candidate / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changed))
    result = promote(candidate, registry)
    assert result.exit_code == 1
    assert f"differs={said}" in error_of(result)
    assert latest(registry) == "1.0.0"


@pytest.mark.parametrize(("difference", "said"), [(None, "nobody has compared"), (2e-5, "is not the model")])
def test_a_graph_that_is_not_known_to_be_the_model_is_refused(
    registry: Path, tmp_path: Path, difference: float | None, said: str
) -> None:
    result = promote(
        write_rival(tmp_path / "new", version="1.1.0", accuracy=0.9, difference=difference), registry
    )
    assert result.exit_code == 1
    assert said in error_of(result)


def test_other_tracks_cannot_be_compared(registry: Path, tmp_path: Path) -> None:
    whole = scores(accuracy=0.9)
    fewer = TrackScores(whole.tracks[:-3], whole.targets[:-3], whole.windows[:-3])
    result = promote(write_rival(tmp_path / "new", version="1.1.0", found=fewer), registry)
    assert result.exit_code == 2
    assert "other tracks" in error_of(result)


def test_a_version_that_is_another_model_already_is_refused(registry: Path, tmp_path: Path) -> None:
    write_rival(registry, version="1.1.0")
    other = write_rival(tmp_path / "new", version="1.2.0", accuracy=0.9)
    manifest = other / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": "1.1.0"}))
    result = promote(other, registry)
    assert result.exit_code == 1
    assert "another model" in error_of(result)
    assert latest(registry) == "1.0.0"


def test_an_interrupted_promotion_leaves_the_incumbent_and_is_completed_by_the_next(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = write_rival(tmp_path / "new", version="1.1.0", accuracy=0.7)
    trial = stage.try_candidate(candidate, registry=registry, spec=GTZAN57)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for place, name in ((shutil, "copyfile"), (stage, "point_latest")):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, killed)
            with pytest.raises(KeyboardInterrupt):
                stage.promote(trial, registry=registry)
        assert latest(registry) == "1.0.0"
        Registry(registry).load("rival")
        assert [path.name for path in (registry / "rival").iterdir() if path.name.startswith(".")] == []
    assert promote(candidate, registry).exit_code == 0
    assert latest(registry) == "1.1.0"


def test_a_new_name_has_to_stand_beside_the_default_model(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    result = promote(write_rival(tmp_path / "new"), empty)
    assert result.exit_code == 1
    assert "differs=genres" in error_of(result)
    assert not empty.exists()


def test_the_bootstrap_gives_the_same_answer_each_time(registry: Path, tmp_path: Path) -> None:
    candidate = write_rival(tmp_path / "new", version="1.1.0", accuracy=0.62)
    first, again = (stage.try_candidate(candidate, registry=registry, spec=GTZAN57) for _ in range(2))
    assert first.comparison == again.comparison
    assert first.comparison.n_artists == 300
    assert np.isclose(first.comparison.accuracy.mean, 0.02)
