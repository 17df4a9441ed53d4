"""Tests that the checked-in topic definitions are what the service would create."""

from __future__ import annotations

import json

import pytest

from consumer.cli.app import run
from consumer.config import Settings
from tests.paths import REPOSITORY

TOPICS = REPOSITORY / "deploy" / "topics" / "topics.jsonl"


def test_the_checked_in_topics_are_those_that_would_be_created(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topics", "create", "--dry-run", "--json"]) == 0

    assert TOPICS.read_text() == capsys.readouterr().out, (
        "run: genrestream topics create --dry-run --json > deploy/topics/topics.jsonl"
    )


def test_every_topic_that_a_worker_reads_or_writes_is_among_them() -> None:
    topics = Settings().topics
    named = {json.loads(line)["topic"] for line in TOPICS.read_text().splitlines()}
    assert {*topics.inputs, topics.labels, topics.dead_letters, topics.features} == named


def test_a_dry_run_is_for_people_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topics", "create", "--dry-run", "--partitions", "3", "--replication", "2"]) == 0

    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("track-uploads  partitions=3 replication=2 cleanup.policy=delete")
