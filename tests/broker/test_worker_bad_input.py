from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from consumer.jobs import InputRecord
from consumer.watch import read_dead_letter
from tests import audio
from tests.broker.harness import Topics, publish, uploads_of, wait_until
from tests.broker.workers import Workers, dead_letters, label_counts, labels, submit, upload, wait_for_labels

Kafka = Callable[..., KafkaSettings]


@pytest.fixture
def settings(kafka: Kafka) -> KafkaSettings:
    return kafka()  # one protocol: what is bad does not depend on it


def _wait_for_dead_letters(
    settings: KafkaSettings, topics: Topics, count: int, *, workers: Workers
) -> list[InputRecord]:
    found: list[InputRecord] = []

    def all_there() -> bool:
        found[:] = dead_letters(settings, topics)
        assert all(worker.process.poll() is None for worker in workers.started), workers.started[0].tail()
        return len(found) >= count

    wait_until(all_there, what=f"{count} dead letters", seconds=90)
    return found


def test_each_bad_track_ends_in_its_own_dead_letter_and_the_good_ones_are_labelled(
    settings: KafkaSettings, topics: Topics, workers: Workers, tmp_path: Path
) -> None:
    def wave(name: str) -> str:
        sound = audio.music(1.2, 22_050, seed=len(name))
        return audio.encode(sound, 22_050, codec="wav_s16", path=tmp_path / name).as_uri()

    def written(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        return path.as_uri()

    newer = json.loads(upload("newer")) | {"schema_version": 2}
    bad: dict[bytes, str] = {
        b"{not json": "invalid_event",
        b'{"event_id": "1"}': "invalid_event",
        json.dumps(newer).encode(): "unsupported_schema_version",
        upload("missing", uri=(tmp_path / "missing.mp3").as_uri()): "not_found",
        upload("outside", uri="file:///etc/hostname"): "forbidden_uri",
        upload("text", uri=written("text.mp3", b"These are words, not music.\n" * 100)): "not_audio",
        upload("empty", uri=written("empty.mp3", b"")): "empty_file",
        upload("segfault", uri=wave("segfault.wav")): "decoder_crashed",
        upload("hang", uri=wave("hang.wav")): "decoder_hung",
    }
    good = [upload(f"good-{i}", uri=wave(f"good-{i}.wav")) for i in range(len(bad) + 1)]
    mixed = [value for pair in zip(good, [*bad, good[-1]], strict=True) for value in pair][:-1]
    workers.start(faults={"decoding": True}, sections={"decode": {"processes": 2, "timeout_seconds": 3.0}})
    publish(settings, uploads_of(topics), mixed)
    letters = _wait_for_dead_letters(settings, topics, len(bad), workers=workers)
    wait_for_labels(settings, topics, len(good), workers=workers)
    assert workers.started[0].stop() == 0, workers.started[0].tail()
    assert {letter.value: read_dead_letter(letter).reason for letter in letters} == bad
    assert len(letters) == len(bad)
    counts = label_counts(settings, topics)
    assert set(counts) == {f"good-{i}" for i in range(len(good))}
    assert set(counts.values()) == {1}
    assert all(label.audio.warnings == ("short",) for label in labels(settings, topics))
    _assert_they_tell_where_they_came_from(letters, topics)


def _assert_they_tell_where_they_came_from(letters: list[InputRecord], topics: Topics) -> None:
    for letter in letters:
        told = read_dead_letter(letter)
        assert told.topic == uploads_of(topics)
        assert told.partition in range(3)
        assert letter.value is not None
        assert letter.key == letter.value[:64]  # the upload's own
        # What may have been the machine's fault was tried again, through a retry topic.
        expected = 2 if told.reason.startswith("decoder_") else 1
        assert told.attempts == expected


def test_an_upload_of_the_largest_size_the_broker_takes_is_dead_lettered_whole(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    # 88 bytes are the batch's and the record's own framing; neither compresses, so it counts as it is.
    largest = os.urandom(topics.max_message_bytes - 88 - 64)
    publish(settings, uploads_of(topics), [largest])
    workers.start(faults={"light": 0.1})
    submit(settings, topics, ["good"])
    (letter,) = _wait_for_dead_letters(settings, topics, 1, workers=workers)
    assert letter.value == largest
    assert dict(letter.headers)["reason"] == b"invalid_event"
    assert "truncated" not in dict(letter.headers)
    wait_for_labels(settings, topics, 1, workers=workers)
    assert workers.started[0].stop() == 0


def test_an_upload_that_only_compression_made_fit_is_dead_lettered_and_stops_nothing(
    settings: KafkaSettings, topics: Topics, workers: Workers
) -> None:
    huge = b"a" * (3 * topics.max_message_bytes)
    roomy = settings.model_copy(update={"producer_properties": {"message.max.bytes": 2 * len(huge)}})
    publish(roomy, uploads_of(topics), [huge])
    workers.start(faults={"light": 0.1})
    submit(settings, topics, ["good"])
    (letter,) = _wait_for_dead_letters(settings, topics, 1, workers=workers)
    headers = dict(letter.headers)
    assert letter.value == huge or headers["truncated"] == b"%d" % len(huge)
    assert letter.value is not None
    assert letter.value == huge[: len(letter.value)]
    wait_for_labels(settings, topics, 1, workers=workers)
    assert workers.started[0].stop() == 0
