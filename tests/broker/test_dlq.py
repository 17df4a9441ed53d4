"""Dead letters of real workers are listed, shown and sent back by the commands, each once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any

import pytest

from consumer.cli.app import run
from consumer.config import KafkaSettings, Settings
from consumer.dead_letters import Letter, Listeners, Redriver, Selection
from consumer.errors import AudioNotFoundError, FetchTimeoutError, InvalidEventError, TwinFencedError
from consumer.jobs import Headers, InputRecord, OutputRecord, TopicPartition
from consumer.kafka import Publisher
from consumer.loop.adapters import Reader
from consumer.loop.provenance import dead_letter_headers, provenance_of_upload
from consumer.watch import read_dead_letter
from deploy.local_kafka.death_wish import death_wish
from tests.broker.harness import (
    SECONDS,
    Broker,
    Topics,
    Transactions,
    make_topics,
    read_all,
    uploads_of,
    wait_until,
)
from tests.broker.workers import Workers, dead_letters, upload
from tests.paths import REPOSITORY

Kafka = Callable[..., KafkaSettings]

ODD: Headers = (
    ("traceparent", b"00-" + b"a" * 32),
    ("latin", b"\xfc\x00\xff"),
    ("null", None),
    ("x", b"1"),
    ("x", b"2"),
)


@pytest.fixture
def protocol() -> str:
    return "classic"  # one: redriving joins no group


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return make_topics(broker, partitions=3)


@pytest.fixture
def config(settings: KafkaSettings, topics: Topics, tmp_path: Path) -> Path:
    return _write_config(settings, topics, tmp_path / "settings.toml")


def _write_config(settings: KafkaSettings, topics: Topics, path: Path) -> Path:
    adapters = ", ".join(f'"{name}" = "{adapter}"' for name, adapter in topics.uploads.items())
    path.write_text(
        f'[kafka]\nbootstrap_servers = "{settings.bootstrap_servers}"\ngroup = "{settings.group}"\n'
        f"transaction_timeout_seconds = {settings.transaction_timeout_seconds}\n"
        f'[topics]\nlabels = "{topics.labels}"\ndead_letters = "{topics.dead_letters}"\n'
        f"uploads = {{ {adapters} }}\nretries = []\n"
    )
    return path


def _dead(
    topics: Topics,
    name: str,
    error: Exception,
    *,
    headers: Headers = ODD,
    value: bytes | None = None,
    topic: str = "",
    ours: Headers = (),
) -> OutputRecord:
    """Give the dead letter that a worker would write of an upload."""
    key, value = f"track of {name}".encode(), value or upload(name)
    place = TopicPartition(topic or uploads_of(topics), 1)
    original = InputRecord(place, 41, key, value, headers, timestamp_ms=1_800_000_000_000)
    written = dead_letter_headers(provenance_of_upload(original), error, now=1.8e9, event_id=name)
    return OutputRecord(topics.dead_letters, key, value, (*written, *ours))


def _publish(settings: KafkaSettings, *records: OutputRecord) -> None:
    with Publisher(settings) as publisher:
        for record in records:
            publisher.publish(record)
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def _three_reasons(topics: Topics) -> list[OutputRecord]:
    errors = [FetchTimeoutError("slow"), AudioNotFoundError("gone"), InvalidEventError("what?")]
    return [
        _dead(topics, f"{type(error).__name__}-{number}", error) for number in range(3) for error in errors
    ]


def _dlq(
    config: Path, *arguments: str, status: int = 0, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run(["dlq", *arguments, "--json", "--config", str(config)]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _uploads(settings: KafkaSettings, topics: Topics) -> list[InputRecord]:
    return read_all(settings, uploads_of(topics))


def _events(records: list[InputRecord]) -> Counter[str]:
    return Counter(json.loads(record.value or b"")["event_id"] for record in records)


def test_letters_are_redriven_by_reason_with_their_bytes_key_and_headers_and_never_twice(
    settings: KafkaSettings, topics: Topics, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = _three_reasons(topics)
    _publish(settings, *letters)
    *listed, summary = _dlq(config, "list", capsys=capsys)
    assert summary["by_reason"] == {"fetch_timeout": 3, "not_found": 3, "invalid_event": 3}
    assert len(listed) == 9

    would = _dlq(config, "redrive", "--reason", "fetch_timeout", "--dry-run", capsys=capsys)
    assert would[-1] == {
        "event": "ended",
        "dry_run": True,
        "redriven": 3,
        "by_reason": {"fetch_timeout": 3},
        "refused": 0,
    }
    assert not _uploads(settings, topics)

    for expected in (3, 0):
        ended = _dlq(config, "redrive", "-r", "fetch_timeout", "--rate", "50", capsys=capsys)[-1]
        assert ended["redriven"] == expected
    sent = {letter.key: letter for letter in letters}
    found = _uploads(settings, topics)
    assert len(found) == 3
    for record in found:
        letter = sent[record.key]
        assert record.value == letter.value
        assert record.headers[: len(ODD)] == ODD
        history = dict(record.headers[len(ODD) :])
        assert history["redrive-count"] == b"1"
        assert history["redriven-reason"] == b"fetch_timeout"
        assert history["redriven-error-message"] == b"slow"
        assert history["redriven-origin"] == f"{uploads_of(topics)}/1/41".encode()
    *_, summary = _dlq(config, "list", capsys=capsys)
    assert summary["by_reason"] == {"not_found": 3, "invalid_event": 3}
    shown = _dlq(config, "list", "--all", capsys=capsys)[:-1]
    assert Counter(one["redriven"] for one in shown) == {True: 3, False: 6}

    assert _dlq(config, "redrive", "--all", capsys=capsys)[-1]["redriven"] == 6
    assert set(_events(_uploads(settings, topics)).values()) == {1}


def test_letters_are_chosen_by_track_topic_time_place_and_number(
    settings: KafkaSettings, topics: Topics, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = _dead(topics, "elsewhere", FetchTimeoutError("slow"), topic="another")
    _publish(settings, *_three_reasons(topics), elsewhere)

    def found(*options: str) -> int:
        return int(_dlq(config, "list", *options, capsys=capsys)[-1]["letters"])

    assert found("--track-id", "track of FetchTimeoutError-1") == 1
    assert found("--topic", "another") == 1
    assert found("--topic", uploads_of(topics), "--reason", "not_found") == 3
    assert (found("--since", "1h"), found("--until", "1h")) == (10, 0)
    assert (found("--since", "4"), found("--until", "4")) == (6, 4)
    listed = _dlq(config, "list", "--limit", "2", capsys=capsys)
    assert [one.get("dead_letter") for one in listed] == ["0/8", "0/9", None]
    ended = _dlq(config, "redrive", "0/3", "0/5", capsys=capsys)[-1]
    assert ended["redriven"] == 2
    assert _dlq(config, "redrive", "--since", "1h", "--limit", "1", capsys=capsys)[0]["dead_letter"] == "0/0"
    assert _events(_uploads(settings, topics)).keys() == {
        "FetchTimeoutError-0",
        "FetchTimeoutError-1",
        "InvalidEventError-1",
    }


def test_what_cannot_go_back_stays_and_says_why(
    settings: KafkaSettings, topics: Topics, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = FetchTimeoutError("slow")
    elsewhere = _dead(topics, "elsewhere", error, topic="another")
    letters = [
        elsewhere,
        _dead(topics, "cut", error, ours=(("truncated", b"99"),)),
        _dead(topics, "replayed", error, ours=(("replay-id", b"r1"),)),
        OutputRecord(topics.dead_letters, b"k", b"a stranger", (("x", b"y"),)),
    ]
    _publish(settings, *letters)
    *refused, ended = _dlq(config, "redrive", "--all", status=1, capsys=capsys)
    assert [why in one["why"] for why, one in zip(("--to", "cut", "r1", "no worker"), refused, strict=True)]
    assert all(one["event"] == "refused" for one in refused)
    assert (ended["redriven"], ended["refused"]) == (0, 4)
    assert not _uploads(settings, topics)

    to = ("--to", uploads_of(topics), "--topic", "another")
    assert _dlq(config, "redrive", *to, capsys=capsys)[-1]["redriven"] == 1
    assert _dlq(config, "redrive", "--replay-id", "r1", capsys=capsys)[-1]["redriven"] == 1
    assert _events(_uploads(settings, topics)) == {"elsewhere": 1, "replayed": 1}


def test_of_a_notification_with_two_objects_only_the_one_that_failed_is_redriven(
    broker: Broker, settings: KafkaSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = make_topics(broker, partitions=1)
    topics = topics.model_copy(update={"uploads": {uploads_of(topics): "bucket_notification"}})
    config = _write_config(settings, topics, tmp_path / "buckets.toml")
    records = [
        {
            "eventName": "s3:ObjectCreated:Put",
            "eventTime": "2030-01-31T12:00:00Z",
            "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 9, "eTag": key, "sequencer": key}},
        }
        for key in ("one.mp3", "two.mp3")
    ]
    value = json.dumps({"Records": records}).encode()

    place = TopicPartition(uploads_of(topics), 0)
    _, second = Reader(topics).read(InputRecord(place, 0, None, value)).uploads
    _publish(
        settings,
        _dead(topics, second.event.event_id, AudioNotFoundError("gone"), headers=(), value=value),
    )
    listed, _ = _dlq(config, "list", capsys=capsys)
    assert listed["track_id"] == "b/two.mp3"
    assert _dlq(config, "redrive", "--all", capsys=capsys)[-1]["redriven"] == 1
    (found,) = _uploads(settings, topics)
    assert found.value == second.wire
    (again,) = Reader(topics).read(replace(found, topic_partition=place)).uploads
    assert again.event == second.event


def _redrive_with_crash(config: Path, *, before: str, call: int) -> int:
    faults = json.dumps({"crash": {"before": before, "call": call}})
    command = [sys.executable, "-m", "tests.broker.worker_main", faults, "dlq", "redrive", "--all"]
    process = subprocess.Popen(
        [*command, "--rate", "2", "--config", str(config)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
    )
    return process.wait(60.0)


@pytest.mark.parametrize("before", ["commit_transaction", "begin_transaction"])
def test_a_redrive_killed_before_or_after_a_commit_is_run_again_without_a_repeat(
    settings: KafkaSettings, topics: Topics, config: Path, capsys: pytest.CaptureFixture[str], before: str
) -> None:
    _publish(settings, *_three_reasons(topics))
    # Two letters a transaction: the first was committed, the second was not or not yet begun.
    assert _redrive_with_crash(config, before=before, call=2) == -signal.SIGKILL
    assert len(_uploads(settings, topics)) == 2
    assert _dlq(config, "redrive", "--all", capsys=capsys)[-1]["redriven"] == 7
    assert _dlq(config, "redrive", "--all", capsys=capsys)[-1]["redriven"] == 0
    counts = _events(_uploads(settings, topics))
    assert (len(counts), set(counts.values())) == (9, {1})


def test_a_second_redrive_shuts_the_first_out_and_nothing_goes_twice(
    settings: KafkaSettings, topics: Topics
) -> None:
    _publish(settings, *_three_reasons(topics))
    tree = Settings(kafka=settings, topics=topics)
    first = _Stepping(tree)
    assert first.steps.get(timeout=SECONDS) == "redriven"
    with Redriver(tree, Selection()) as second:
        assert second.run().redriven.total() == 8
    first.go_on.set()
    first.thread.join(SECONDS)
    assert isinstance(first.ended, TwinFencedError)
    counts = _events(_uploads(settings, topics))
    assert (len(counts), set(counts.values())) == (9, {1})


class _Stepping:
    """A redrive on a thread of its own, one letter a transaction, which rests after the first."""

    def __init__(self, settings: Settings) -> None:
        self.steps: Queue[str] = Queue()
        self.go_on = Event()
        self.ended: BaseException | None = None
        self._settings = settings
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            listeners = Listeners(on_redriven=self._rest)
            with Redriver(self._settings, Selection(), rate=1.0, listeners=listeners) as redriver:
                redriver.run()
        except TwinFencedError as exc:
            self.ended = exc

    def _rest(self, _letter: Letter, _topic: str) -> None:
        self.steps.put("redriven")
        self.go_on.wait(SECONDS)


def test_a_marker_behind_an_open_transaction_is_seen(
    settings: KafkaSettings, topics: Topics, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = _dead(topics, "e", FetchTimeoutError("slow"))
    _publish(settings, letter)
    worker = Transactions.registered(settings, topics)
    reports = worker.begin(topics.dead_letters, [b"a worker's letter"])

    def delivered() -> bool:
        worker.producer.flush(timeout_seconds=0.1)
        return bool(reports)

    wait_until(delivered, what="a record in the open transaction")
    _publish(settings, OutputRecord(topics.dead_letters, letter.key, None, (("redriven", b"0/0"),)))
    # The broker ends the transaction after 5 s; until then nobody is shown what stands behind it.
    assert _dlq(config, "redrive", "--all", capsys=capsys)[-1]["redriven"] == 0
    assert not _uploads(settings, topics)
    worker.producer.close()


def test_what_fails_again_keeps_its_history_and_what_is_labelled_its_headers(
    settings: KafkaSettings,
    topics: Topics,
    config: Path,
    workers: Workers,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sections = {"worker": {"max_attempts": 1}}
    worker = workers.start(faults={"fake_audio": True}, sections=sections)
    bad, good = upload("bad", uri="not-found:"), upload("good", uri="ok:3")
    _publish(settings, OutputRecord(uploads_of(topics), b"bad", bad, ODD))
    _publish(settings, _dead(topics, "good", FetchTimeoutError("slow"), value=good))

    def letters() -> list[InputRecord]:
        return [one for one in dead_letters(settings, topics) if one.value is not None]

    for round_ in (1, 2):
        wait_until(lambda n=1 + round_: len(letters()) == n, what=f"{1 + round_} letters", seconds=90)  # type: ignore[misc]  # bound now
        track = ("--track-id", "track of bad")
        assert _dlq(config, "redrive", *track, capsys=capsys)[-1]["redriven"] == 1
    assert _dlq(config, "redrive", "--track-id", "track of good", capsys=capsys)[-1]["redriven"] == 1
    wait_until(lambda: len(letters()) == 4, what="the third failure")
    wait_until(lambda: len(read_all(settings, topics.labels)) == 1, what="the label")
    assert worker.stop() == 0, worker.tail()

    last = letters()[-1]
    assert last.headers[: len(ODD)] == ODD
    told = [(name, value) for name, value in last.headers if name in {"redrive-count", "redriven-reason"}]
    why = read_dead_letter(last).reason.encode()
    assert told == [
        ("redrive-count", b"1"),
        ("redriven-reason", why),
        ("redrive-count", b"2"),
        ("redriven-reason", why),
    ]
    (label,) = read_all(settings, topics.labels)
    assert label.headers[: len(ODD)] == ODD
    assert dict(label.headers)["redrive-count"] == b"1"
    assert _dlq(config, "list", "--track-id", "track of bad", capsys=capsys)[0]["redrive_count"] == 2
