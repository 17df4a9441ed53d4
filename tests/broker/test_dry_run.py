"""What a replay would change is told from a real log, and nothing in Kafka shows that anybody asked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consumer.cli.app import run
from consumer.clock import SYSTEM_CLOCK
from consumer.config import KafkaSettings, Settings
from consumer.current_labels import CurrentLabels
from consumer.events import TrackLabelled
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.kafka import find_ranges
from consumer.replay.feature_labels import FeatureLabeller
from featurizer.spec import GTZAN57
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer
from tests.broker.harness import (
    Broker,
    Topics,
    make_topics,
    uploads_of,
)
from tests.broker.traces import publish_records, traces_of
from tests.consumer.engines import MOMENT
from tests.consumer.feature_records import features_of
from tests.modelzoo.artifacts import linear_model, write_model

Kafka = Callable[..., KafkaSettings]

LIVE, NEW = "1.0.0", "2.0.0"


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=2)


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    for version, seed in ((LIVE, 7), (NEW, 8)):
        write_model(tmp_path / "registry", name="linear", version=version, model=linear_model(seed=seed))
    return tmp_path / "registry"


@pytest.fixture
def config(kafka: Kafka, topics: Topics, registry: Path, tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(
        f'[kafka]\nbootstrap_servers = "{kafka().bootstrap_servers}"\n'
        f'[topics]\nlabels = "{topics.labels}"\nfeatures = "{topics.features}"\n'
        f'[topics.uploads]\n"{uploads_of(topics)}" = "track_uploaded"\n'
        f'[model]\nregistry = "{registry}"\nname = "linear"\n[worker]\ndevice = "cpu"\n'
    )
    return path


def _labels_by(registry: Path, version: str, tracks: list[TrackFeatures]) -> dict[str, TrackLabelled]:
    """Label tracks as a replay does: the path that a dry run does not take."""
    scorer = OnnxScorer(Registry(registry).load("linear", version=version), device="cpu")
    labeller = FeatureLabeller(
        scorer, settings=Settings(), spec=GTZAN57, replay_id="oracle", clock=SYSTEM_CLOCK
    )
    place = TopicPartition("t", 0)
    records = [InputRecord(place, n, b"", encode_features(track)) for n, track in enumerate(tracks)]
    outputs = (outcome.output for outcome in labeller.label(records).outcomes)
    found = [TrackLabelled.model_validate_json(output.value or b"") for output in outputs if output]
    return {label.track_id: label for label in found}


def _dry_run(config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert run(["relabel", "--dry-run", "--json", "--config", str(config), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report.pop("event") == "churn"
    assert isinstance(report, dict)
    return report


def test_the_feature_log_is_judged_as_a_replay_would_label_it(
    kafka: Kafka,
    topics: Topics,
    registry: Path,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    tracks = [features_of(f"track-{n}", seed=n) for n in range(300)]
    older = [
        features_of(f"track-{n}", seed=1_000 + n, uploaded_at=MOMENT - timedelta(days=1))
        for n in range(20, 40)
    ]
    before, after = (_labels_by(registry, version, tracks) for version in (LIVE, NEW))
    outdated = _labels_by(registry, NEW, older)
    features = [
        OutputRecord(topics.features, t.track_id.encode(), encode_features(t)) for t in (*tracks, *older)
    ]
    features.append(OutputRecord(topics.features, b"broken", b"no features"))
    features.append(OutputRecord(topics.features, b"gone", None))
    labelled = [label for name, label in before.items() if name not in {"track-7", "track-8"}]
    labelled += outdated.values()  # made later, of older uploads: not the current ones
    publish_records(kafka(), features)
    publish_records(kafka(), [OutputRecord(topics.labels, x.track_id.encode(), x.encode()) for x in labelled])
    were = traces_of(kafka(), topics)

    report = _dry_run(config, capsys, "--source", "features", "--report", str(tmp_path / "churn.html"))

    assert traces_of(kafka(), topics) == were
    compared = [(before[name], after[name]) for name in before if name not in {"track-7", "track-8"}]
    changed = [(one, other) for one, other in compared if one.genre != other.genre]
    assert 50 < len(changed) < 298
    assert report["finished"]
    assert report["counts"] == {
        "judged": 300,
        "compared": 298,
        "changed": len(changed),
        "without_label": 2,
        "newer_elsewhere": 0,
        "failed": 1,
        "current_labels": 300 - 2,
    }
    moves = {(move["before"], move["after"]): move["tracks"] for move in report["matrix"]}
    for pair in {(one.genre, other.genre) for one, other in compared}:
        assert moves.pop(pair) == sum((one.genre, other.genre) == pair for one, other in compared)
    assert not moves
    means = [sum(pair[side].confidence for pair in compared) / 298 for side in (0, 1)]
    assert report["confidence"]["before"]["mean"] == pytest.approx(means[0], abs=1e-12)
    assert report["confidence"]["after"]["mean"] == pytest.approx(means[1], abs=1e-12)
    assert report["before_models"] == [{"model": "linear", "version": LIVE, "tracks": 298}]
    most = report["most_changed"][0]
    assert (most["before"]["genre"], most["after"]["genre"]) == (
        before[most["track_id"]].genre,
        after[most["track_id"]].genre,
    )
    assert report["failures"] == [{"reason": "invalid_feature_record", "count": 1}]
    assert report["left_out"] == [{"reason": "superseded", "count": 20}, {"reason": "tombstone", "count": 1}]
    assert "track-" in (tmp_path / "churn.html").read_text()


def test_what_a_dry_run_foretells_is_what_the_replay_then_does(
    kafka: Kafka, topics: Topics, registry: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = [features_of(f"track-{n}", seed=n) for n in range(200)]
    live = _labels_by(registry, LIVE, tracks)
    publish_records(
        kafka(), [OutputRecord(topics.features, t.track_id.encode(), encode_features(t)) for t in tracks]
    )
    publish_records(
        kafka(), [OutputRecord(topics.labels, x.track_id.encode(), x.encode()) for x in live.values()]
    )
    foretold = _dry_run(config, capsys, "--source", "features")
    assert foretold["counts"]["changed"] > 30

    assert run(["relabel", "--source", "features", "--replay-id", "done", "--config", str(config)]) == 0
    ranges = find_ranges(kafka(), [topics.labels])
    now = Counter(label.genre for label in CurrentLabels(kafka(), ranges))
    after: Counter[str] = Counter()
    for move in foretold["matrix"]:
        after[move["after"]] += move["tracks"]
    assert now == after
    capsys.readouterr()
    again = _dry_run(config, capsys, "--source", "features")
    assert again["counts"]["compared"] == 200
    assert again["counts"]["changed"] == 0
    assert again["before_models"] == [{"model": "linear", "version": NEW, "tracks": 200}]
    shift = again["confidence"]["shift"]
    assert max(abs(shift[name]) for name in ("mean", "p05", "p95")) <= 1e-6
    assert again["confidence"]["before"]["mean"] == pytest.approx(foretold["confidence"]["after"]["mean"])


def test_a_dry_run_of_nothing_is_a_report_of_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "empty.html"
    report = _dry_run(config, capsys, "--source", "features", "--report", str(page))
    assert report["finished"]
    assert set(report["counts"].values()) == {0}
    assert (report["share_changed"], report["confidence"], report["matrix"]) == (None, None, [])
    assert page.exists()
