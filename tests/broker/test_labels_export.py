"""The log of results becomes one current label a track, in whatever order it holds them, by a command."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from consumer.cli.app import run
from consumer.config import KafkaSettings
from consumer.events import TrackLabelled, TrackUploaded
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher
from tests.broker.harness import SECONDS, Broker, Topics, Transactions, make_topics
from tests.consumer.engines import MOMENT, label_for

Kafka = Callable[..., KafkaSettings]


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=2)


@pytest.fixture
def config(kafka: Kafka, topics: Topics, tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    servers = kafka().bootstrap_servers
    path.write_text(f'[kafka]\nbootstrap_servers = "{servers}"\n[topics]\nlabels = "{topics.labels}"\n')
    return path


def _label(
    track: str,
    *,
    uploaded: int,
    labelled: int,
    genre: str | None = "jazz",
    result: str = "",
    replay: str = "",
) -> TrackLabelled:
    """Give the label of a track's upload of day `uploaded`, made on day `labelled`."""
    upload = TrackUploaded(
        event_id=f"{track} of day {uploaded}", track_id=track, audio_uri="file:///none", uploaded_at=MOMENT
    )
    label = label_for(upload, genre=genre)
    times = {
        "uploaded_at": MOMENT + timedelta(days=uploaded),
        "labelled_at": MOMENT + timedelta(days=labelled),
    }
    return label.model_copy(
        update={
            "timing": label.timing.model_copy(update=times),
            "result_id": result or label.result_id,
            "replay_id": replay or None,
        }
    )


def _publish(kafka: KafkaSettings, topics: Topics, labels: list[TrackLabelled]) -> None:
    records = [OutputRecord(topics.labels, label.track_id.encode(), label.encode()) for label in labels]
    with Publisher(kafka) as publisher:
        for record in records:
            publisher.publish(record)
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def _export(config: Path, out: Path, *options: str, status: int = 0) -> None:
    assert run(["labels", "export", "--out", str(out), "--config", str(config), *options]) == status


def _rows(path: Path) -> dict[str, dict[str, object]]:
    return {row["track_id"]: row for row in map(json.loads, path.read_text().splitlines())}


def test_an_old_upload_redriven_and_replayed_later_does_not_take_the_newer_ones_place(
    kafka: Kafka, topics: Topics, config: Path, tmp_path: Path
) -> None:
    live = _label("a", uploaded=2, labelled=2, genre="rock")
    redriven = _label("a", uploaded=1, labelled=8, genre="blues")
    replayed = _label("a", uploaded=1, labelled=9, genre="blues", replay="r1", result="replayed")
    relabelled = _label("a", uploaded=2, labelled=5, genre="pop", replay="r2", result="relabelled")
    for number, order in enumerate(permutations((live, redriven, replayed, relabelled))):
        _publish(kafka(), topics, [one.model_copy(update={"track_id": f"{number}"}) for one in order])
    _export(config, tmp_path / "all.jsonl")
    rows = _rows(tmp_path / "all.jsonl")
    assert len(rows) == 24
    assert {row["replay_id"] for row in rows.values()} == {"r2"}
    assert {row["genre"] for row in rows.values()} == {"pop"}


def test_of_equal_times_the_greater_result_id_wins(
    kafka: Kafka, topics: Topics, config: Path, tmp_path: Path
) -> None:
    low, high = (_label("a", uploaded=1, labelled=1, result=digit * 64) for digit in "3e")
    _publish(kafka(), topics, [high, low])
    _export(config, tmp_path / "all.jsonl")
    assert _rows(tmp_path / "all.jsonl")["a"]["result_id"] == "e" * 64


def test_a_track_whose_current_label_is_an_abstention_has_no_older_label_instead(
    kafka: Kafka, topics: Topics, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(
        kafka(),
        topics,
        [
            _label("a", uploaded=1, labelled=1),
            _label("a", uploaded=2, labelled=2, genre=None),
            _label("b", uploaded=1, labelled=1),
        ],
    )
    _export(config, tmp_path / "l.jsonl", "--status", "labelled", "--json")
    told = json.loads(capsys.readouterr().out)
    assert set(_rows(tmp_path / "l.jsonl")) == {"b"}
    assert told["tracks"] == 1
    assert {name: n for name, n in told["results"].items() if n} == {
        "current": 1,
        "superseded": 1,
        "other_status": 1,
    }


def test_aborted_results_are_not_seen_and_unreadable_ones_are_told(
    kafka: Kafka,
    settings: KafkaSettings,
    topics: Topics,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _publish(kafka(), topics, [_label("a", uploaded=1, labelled=1)])
    transactions = Transactions.registered(settings, topics)
    transactions.begin(topics.labels, [_label("a", uploaded=3, labelled=3, genre="metal").encode()])
    transactions.abort()
    with Publisher(kafka()) as publisher:
        publisher.publish(OutputRecord(topics.labels, b"a", b"not a label"))
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    _export(config, tmp_path / "l.jsonl", "--json", status=1)
    assert json.loads(capsys.readouterr().out)["results"]["unreadable"] == 1
    assert _rows(tmp_path / "l.jsonl")["a"]["genre"] == "jazz"


def test_the_three_forms_say_the_same(kafka: Kafka, topics: Topics, config: Path, tmp_path: Path) -> None:
    _publish(kafka(), topics, [_label("a", uploaded=1, labelled=2), _label("ü", uploaded=1, labelled=1)])
    for form in ("parquet", "csv", "jsonl"):
        _export(config, tmp_path / f"l.{form}")
    parquet = {row["track_id"]: row for row in pq.read_table(tmp_path / "l.parquet").to_pylist()}
    with (tmp_path / "l.csv").open(encoding="utf-8", newline="") as file:
        text = {row["track_id"]: row for row in csv.DictReader(file)}
    lines = _rows(tmp_path / "l.jsonl")
    assert set(parquet) == set(text) == set(lines) == {"a", "ü"}
    assert parquet["a"]["confidence"] == float(text["a"]["confidence"]) == lines["a"]["confidence"] == 0.8
    assert parquet["a"]["labelled_at"] == MOMENT + timedelta(days=2)
    assert text["a"]["labelled_at"] == lines["a"]["labelled_at"] == "2030-01-03T12:00:00Z"


def test_a_file_whose_form_nobody_knows_is_refused_in_one_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _export(config, tmp_path / "labels.xls", status=2)
    assert "choose parquet, csv or jsonl" in capsys.readouterr().err
