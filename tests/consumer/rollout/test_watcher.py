"""A role goes to whom the registry says, when it says so; who cannot take it leaves everything as it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from consumer.metrics import Metrics
from consumer.model_settings import Reference
from consumer.rollout.sources import FolderSource
from consumer.rollout.watcher import ModelWatcher, Seat
from modelzoo.errors import ArtifactCorruptError
from modelzoo.registry import Artifact, point_latest
from tests.consumer.decoding.processes import eventually
from tests.consumer.rollout.stores import DictFolder, source_of
from tests.modelzoo.artifacts import write_model


@dataclass
class Chair:
    """Notes who takes it; refuses what is in `refused`."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, Exception] = field(default_factory=dict)

    def __call__(self, artifact: Artifact) -> None:
        version = artifact.manifest.version
        if version in self.refused:
            raise self.refused[version]
        self.taken.append(version)


@dataclass
class Stand:
    registry: Path
    chair: Chair
    metrics: Metrics
    watcher: ModelWatcher

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"genrestream_model_{name}", {"role": "live", **labels})


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        write_model(tmp_path, version=version)
    point_latest(tmp_path / "linear", "1.0.0")
    chair, metrics = Chair(), Metrics()
    seat = Seat("live", Reference("linear", "latest"), chair, version="1.0.0")
    watcher = ModelWatcher(FolderSource(tmp_path), seats=[seat], metrics=metrics, wall_clock=lambda: 7.0)
    return Stand(tmp_path, chair, metrics, watcher)


def test_nothing_happens_while_the_pointer_stands_still(stand: Stand) -> None:
    for _ in range(3):
        stand.watcher.look()
    assert stand.chair.taken == []
    assert stand.value("reload_failing") == 0
    checked = "genrestream_model_registry_checked_timestamp_seconds"
    assert stand.metrics.registry.get_sample_value(checked) == 7.0


def test_a_moved_pointer_gives_the_role_to_another_once_and_back(stand: Stand) -> None:
    for version in ("1.1.0", "1.1.0", "1.0.0"):
        point_latest(stand.registry / "linear", version)
        stand.watcher.look()
    assert stand.chair.taken == ["1.1.0", "1.0.0"]
    assert stand.value("reloads_total", result="loaded", reason="") == 2


@pytest.mark.parametrize("error", [ArtifactCorruptError("no graph"), ZeroDivisionError("a bug of a library")])
def test_who_cannot_take_the_role_leaves_it_and_may_try_again(stand: Stand, error: Exception) -> None:
    stand.chair.refused["1.1.0"] = error
    point_latest(stand.registry / "linear", "1.1.0")
    stand.watcher.look()
    stand.watcher.look()
    assert stand.value("reload_failing") == 1
    why = "artifact_corrupt" if isinstance(error, ArtifactCorruptError) else "unexpected_error"
    assert stand.value("reloads_total", result="failed", reason=why) == 2
    assert stand.chair.taken == []
    stand.chair.refused.clear()
    stand.watcher.look()
    assert stand.chair.taken == ["1.1.0"]
    assert stand.value("reload_failing") == 0


def test_a_damaged_model_is_never_offered_the_role(stand: Stand) -> None:
    path = stand.registry / "linear" / "1.1.0" / "model.onnx"
    path.write_bytes(path.read_bytes()[1:])
    point_latest(stand.registry / "linear", "1.1.0")
    stand.watcher.look()
    assert stand.chair.taken == []
    assert stand.value("reload_failing") == 1
    point_latest(stand.registry / "linear", "1.0.0")  # rolled back: nothing is to be done
    stand.watcher.look()
    assert stand.value("reload_failing") == 0


def test_a_store_that_is_away_changes_nothing(tmp_path: Path) -> None:
    store, chair, metrics = DictFolder(away=True), Chair(), Metrics()
    seat = Seat("live", Reference("linear", "latest"), chair, version="1.0.0")
    source = source_of(store, tmp_path)
    watcher = ModelWatcher(source, seats=[seat], metrics=metrics)
    watcher.look()
    labels = {"role": "live", "result": "failed", "reason": "registry_unavailable"}
    assert metrics.registry.get_sample_value("genrestream_model_reloads_total", labels) == 1
    assert chair.taken == []


def test_a_pinned_model_that_is_there_is_left_alone_and_one_that_is_not_is_tried(stand: Stand) -> None:
    pinned, absent = Chair(), Chair(refused={"1.2.0": ArtifactCorruptError("not yet")})
    seats = [
        Seat("live", Reference("linear", "1.0.0"), pinned, version="1.0.0"),
        Seat("shadow", Reference("linear", "1.2.0"), absent),
    ]
    watcher = ModelWatcher(FolderSource(stand.registry), seats=seats, metrics=stand.metrics)
    watcher.look()
    absent.refused.clear()
    watcher.look()
    watcher.look()
    assert (pinned.taken, absent.taken) == ([], ["1.2.0"])


def test_it_looks_by_itself_until_it_is_closed(stand: Stand) -> None:
    stand.watcher.start(0.01)
    point_latest(stand.registry / "linear", "1.1.0")
    assert eventually(lambda: stand.chair.taken == ["1.1.0"])
    stand.watcher.close()
    point_latest(stand.registry / "linear", "1.2.0")
    stand.watcher.close()
    assert stand.chair.taken == ["1.1.0"]
