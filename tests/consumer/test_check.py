"""Tests of the checks: what is fine, what fails, what to do about it, and the exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer import check
from consumer.check import (
    Check,
    check_model,
    check_sources,
    check_spool,
    check_uploads,
    judge_topics,
    run_checks,
)
from consumer.config import Settings, load_settings
from consumer.ports import BrokerError
from consumer.topics import TopicReport, TopicState
from modelzoo.errors import ModelNotFoundError


def _settings(**sections: object) -> Settings:
    return load_settings(overrides=dict(sections))


def test_a_spool_that_is_not_there_is_a_failure_of_the_settings(tmp_path: Path) -> None:
    assert check_spool(_settings(fetch={"spool_dir": tmp_path})).ok

    gone = check_spool(_settings(fetch={"spool_dir": tmp_path / "gone"}))
    assert (gone.ok, gone.exit_status) == (False, 2)
    assert "fetch.spool_dir" in gone.advice


def test_no_allowed_source_is_told_and_a_missing_root_fails(tmp_path: Path) -> None:
    assert "every upload would be refused" in check_sources(_settings()).found
    assert check_sources(_settings(fetch={"file_roots": [tmp_path]})).advice == ""
    assert check_sources(_settings(fetch={"file_roots": [tmp_path / "gone"]})).exit_status == 2


def test_each_topic_of_uploads_is_told_with_its_form_and_what_it_lacks() -> None:
    assert check_uploads(_settings()).found == "track-uploads (track_uploaded)"
    topics = {"uploads": {"objects": "bucket_notification"}}
    lacking = check_uploads(_settings(topics=topics))
    assert lacking.ok
    assert "fetch.object_stores" in lacking.advice
    served = check_uploads(_settings(topics=topics, fetch={"object_stores": ["s3://music"]}))
    assert (served.found, served.advice) == ("objects (bucket_notification), keys auto", "")


def test_the_packaged_model_is_verified_and_described() -> None:
    answer = check_model(_settings())

    assert answer.ok
    assert answer.found.startswith("gtzan57-mlp ")
    assert "10 genres" in answer.found


def test_missing_topics_are_one_failure_and_partitions_are_the_operators_choice() -> None:
    answers = list(
        judge_topics(
            [
                TopicReport("a", TopicState.MISSING),
                TopicReport("b", TopicState.MISSING),
                TopicReport(
                    "c", TopicState.DIFFERS, ("partitions: 4, expected 12", "retention.ms: 1, expected 2")
                ),
                TopicReport("d", TopicState.EXISTS),
            ]
        )
    )

    assert [answer.ok for answer in answers] == [False, True]
    assert (answers[0].found, answers[0].advice) == ("missing: a, b", "run: genrestream topics create")
    assert answers[1].found == "c (retention.ms: 1, expected 2), d"


def test_a_topic_that_takes_smaller_messages_than_the_settings_believe_fails() -> None:
    report = TopicReport("dlq", TopicState.DIFFERS, ("max.message.bytes: 1000, expected 1114124",))

    (answer,) = judge_topics([report])

    assert not answer.ok
    assert "max.message.bytes: 1000" in answer.found
    assert answer.exit_status == 1


@pytest.mark.parametrize(
    ("error", "status", "advice"),
    [
        (BrokerError("no", code="_TRANSPORT", retriable=True), 1, "start a broker"),
        (BrokerError("no", code="SASL_AUTHENTICATION_FAILED"), 5, "kafka.properties"),
        (ModelNotFoundError("no"), 4, ""),
    ],
)
def test_each_failure_has_its_status_and_the_checks_go_on(
    error: Exception, status: int, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_settings: Settings) -> Check:
        raise error

    for name in ("check_model", "check_pipeline", "check_broker"):
        monkeypatch.setattr(check, name, fail)

    answers = list(run_checks(_settings()))

    assert [answer.name for answer in answers] == ["spool", "sources", "uploads", "model", "broker"]
    assert answers[-1].exit_status == status
    assert advice in answers[-1].advice


def test_json_has_no_advice_where_there_is_nothing_to_do() -> None:
    assert Check("spool", ok=True, found="fine").to_json() == {
        "check": "spool",
        "ok": True,
        "found": "fine",
        "advice": None,
    }
