"""Models change while tracks flow: nothing is lost or labelled twice, and everything says who spoke."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from consumer.config import KafkaSettings
from consumer.pipeline.casting import place_of
from modelzoo.registry import point_latest
from tests.broker.harness import Topics, publish, uploads_of, wait_until
from tests.broker.workers import (
    Workers,
    label_counts,
    labels,
    upload,
    wait_for_labels,
)
from tests.modelzoo.artifacts import linear_model, write_model

FAKE = {"fake_audio": True}


@pytest.fixture(params=["classic"])  # the group's protocol has no part in who labels
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Two different models of one name; the first is the latest."""
    root = tmp_path / "models"
    for number, version in enumerate(("1.0.0", "1.1.0")):
        write_model(root, version=version, model=linear_model(seed=number))
    point_latest(root / "linear", "1.0.0")
    return root


def model(registry: Path, **changes: Any) -> Mapping[str, Mapping[str, Any]]:
    return {"model": {"name": "linear", "registry": str(registry), **changes}}


def submit(settings: KafkaSettings, topics: Topics, count: int, *, start: int = 0, seconds: float) -> None:
    """Submit tracks that take a child so long each."""
    values = [upload(f"event-{start + number}", uri=f"slow:{seconds}") for number in range(count)]
    publish(settings, uploads_of(topics), values)


def tracks_by_version(metrics: Mapping[str, float], *, role: str = "live") -> dict[str, float]:
    """What a worker counts of the tracks that each version spoke for."""
    found: defaultdict[str, float] = defaultdict(float)
    for name, value in metrics.items():
        if name.startswith("genrestream_model_tracks_total{") and f'role="{role}"' in name:
            found[name.partition('version="')[2].partition('"')[0]] += value
    return dict(found)


def test_a_worker_restarted_with_another_model_loses_and_repeats_nothing(
    settings: KafkaSettings, topics: Topics, workers: Workers, registry: Path
) -> None:
    old = model(registry, version="1.0.0")
    first, second = (workers.start(slot=slot, faults=FAKE, sections=old) for slot in (0, 1))
    first.wait_until_ready()
    second.wait_until_ready()
    submit(settings, topics, 500, seconds=0.03)
    wait_for_labels(settings, topics, 60, workers=workers)
    assert second.stop() == 0, second.tail()
    assert len(label_counts(settings, topics)) < 400  # the restart falls amid the tracks
    restarted = workers.start(slot=1, faults=FAKE, sections=model(registry, version="1.1.0"))
    wait_for_labels(settings, topics, 500, workers=workers)
    seen = tracks_by_version(first.metrics()), tracks_by_version(restarted.metrics())
    assert first.stop() == 0, first.tail()
    assert restarted.stop() == 0, restarted.tail()
    found = labels(settings, topics)
    by_event = Counter(label.event_id for label in found)
    assert len(by_event) == 500
    assert set(by_event.values()) == {1}
    versions = Counter(label.model.version for label in found)
    assert set(versions) == {"1.0.0", "1.1.0"}
    assert set(seen[0]) == {"1.0.0"}
    assert seen[1] == {"1.1.0": versions["1.1.0"]}


def test_a_model_changes_under_load_and_a_damaged_one_does_not_speak(
    settings: KafkaSettings, topics: Topics, workers: Workers, registry: Path
) -> None:
    worker = workers.start(faults=FAKE, sections=model(registry, reload_seconds=0.1))
    worker.wait_until_ready()
    submit(settings, topics, 300, seconds=0.02)
    wait_for_labels(settings, topics, 40, workers=workers)
    point_latest(registry / "linear", "1.1.0")
    in_use = 'genrestream_model_in_use{name="linear",role="live",sha256='
    wait_until(
        lambda: any(name.startswith(in_use) and 'version="1.1.0"' in name for name in worker.metrics()),
        what="the new model",
    )
    damaged = write_model(registry, version="1.2.0") / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    point_latest(registry / "linear", "1.2.0")
    failing = 'genrestream_model_reload_failing{role="live"}'
    wait_until(lambda: worker.metrics()[failing] == 1, what="the gauge of a failing reload")
    submit(settings, topics, 50, start=300, seconds=0.0)
    wait_for_labels(settings, topics, 350, workers=workers)
    point_latest(registry / "linear", "1.1.0")
    wait_until(lambda: worker.metrics()[failing] == 0, what="an end of the failing")
    assert worker.stop() == 0, worker.tail()
    found = labels(settings, topics)
    assert Counter(Counter(label.event_id for label in found).values()) == {1: 350}
    assert {label.model.version for label in found} == {"1.0.0", "1.1.0"}
    assert {label.model.version for label in found if int(label.event_id[6:]) >= 300} == {"1.1.0"}


def test_a_canary_has_its_share_of_the_tracks_and_a_shadow_sees_all(
    settings: KafkaSettings, topics: Topics, workers: Workers, registry: Path
) -> None:
    tried = model(registry, version="1.0.0", canary="linear@1.1.0", canary_share=0.3, shadow="linear@1.1.0")
    worker = workers.start(faults=FAKE, sections=tried)
    worker.wait_until_ready()
    submit(settings, topics, 200, seconds=0.0)
    wait_for_labels(settings, topics, 200, workers=workers)
    wait_until(
        lambda: sum(tracks_by_version(worker.metrics(), role="shadow").values()) == 200,
        what="the shadow's verdicts",
    )
    canary = tracks_by_version(worker.metrics(), role="canary")
    assert worker.stop() == 0, worker.tail()
    found = labels(settings, topics)
    for label in found:
        expected = "1.1.0" if place_of(label.track_id) < 0.3 else "1.0.0"
        assert label.model.version == expected
    assert canary == {"1.1.0": sum(label.model.version == "1.1.0" for label in found)}
    assert 30 <= canary["1.1.0"] <= 90
