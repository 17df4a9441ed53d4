"""The feature log becomes a table that training reads, bit for bit, by a command on a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from consumer.cli.app import run
from consumer.config import KafkaSettings
from consumer.feature_codec import encode_features
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher
from featurizer.spec import GTZAN57
from tests.broker.harness import SECONDS, Topics
from tests.consumer.engines import MOMENT
from tests.consumer.feature_records import features_of
from training.feature_table import read_feature_table

Kafka = Callable[..., KafkaSettings]


@pytest.fixture
def config(kafka: Kafka, topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of this test's topics, with a log of three tracks: one superseded, one damaged, one gone."""
    tracks = [
        replace(
            features_of("a", seed=1), starts_seconds=tuple(np.arange(10) * 6.0), declared_genre="Hip-Hop"
        ),
        features_of("b", n_windows=2, seed=2),
        features_of("c", seed=3, declared_genre=None),
    ]
    older = replace(features_of("b", seed=4), uploaded_at=MOMENT - timedelta(days=1))
    values: list[tuple[str, bytes | None]] = [
        *((track.track_id, encode_features(track)) for track in [*tracks, older]),
        ("damaged", b"GSFL"),
        ("gone", None),
    ]
    with Publisher(kafka()) as publisher:
        for key, value in values:
            publisher.publish(OutputRecord(topics.features, key.encode(), value))
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    path = tmp_path / "settings.toml"
    servers = kafka().bootstrap_servers
    path.write_text(f'[kafka]\nbootstrap_servers = "{servers}"\n[topics]\nfeatures = "{topics.features}"\n')
    return path


def test_training_reads_what_was_exported(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "log.parquet"
    status = run(["features", "export", "--declared", "--json", "--out", str(out), "--config", str(config)])
    told = json.loads(capsys.readouterr().out)
    assert status == 1  # one record could not be read
    assert told["windows"] == 12
    assert told["records"] == {
        "exported": 2,
        "superseded": 1,
        "undeclared": 1,
        "invalid_feature_record": 1,
        "tombstone": 1,
    }
    table = read_feature_table(out, spec=GTZAN57)
    assert table.track_names == ["a", "b"]
    assert dict(zip(table.tracks.tolist(), table.genres.tolist(), strict=True)) == {
        "a": "hiphop",
        "b": "jazz",
    }
    expected = np.concatenate(
        [features_of("a", seed=1).features, features_of("b", n_windows=2, seed=2).features]
    )
    assert table.inputs.tobytes() == expected.tobytes()


def test_a_table_as_text_names_each_windows_start(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["features", "export", "--all", "--format", "jsonl", "--out", "-", "--config", str(config)]
    assert run(arguments) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 10 + 2 + 10 + 10
    second = next(row for row in rows if row["filename"] == "a.2.wav")
    assert (second["start_seconds"], second["window"], second["label"]) == (6.0, 2, "hiphop")
    assert next(row for row in rows if row["track_id"] == "c")["label"] is None
    assert second["uploaded_at"] == "2030-01-01T12:00:00Z"
