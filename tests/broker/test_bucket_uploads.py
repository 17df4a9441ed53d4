"""A file put into a bucket becomes a committed label: a real S3 server, a real Kafka, a real worker."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consumer.config import KafkaSettings
from consumer.events import TrackLabelled
from consumer.jobs import OutputRecord
from consumer.kafka import KafkaAdmin, Publisher, Start, TopicReader
from consumer.topic_settings import RetryTopic, TopicSettings
from consumer.topics import create, definitions
from tests import audio
from tests.broker.harness import SECONDS, Broker, unique, wait_until
from tests.broker.versity import BUCKET, VersityGateway, missing
from tests.broker.workers import WorkerProcess, Workers, dead_letters, labels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1_800),  # the gateway is built once
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]

GOAL_SECONDS = 2.0
PUTS = 10
CLOUD_EVENT = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"1"),
    ("ce_source", b"/uploads"),
    ("ce_type", b"track.uploaded"),
    ("ce_subject", b"announced"),
    ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)


@pytest.fixture
def settings(kafka: Callable[..., KafkaSettings]) -> KafkaSettings:
    return kafka()


@pytest.fixture
def topics(broker: Broker) -> TopicSettings:
    """Two topics of uploads, each with an adapter of its own."""
    name = unique("t")
    made = TopicSettings(
        uploads={f"{name}.objects": "bucket_notification", f"{name}.events": "cloud_event"},
        labels=f"{name}.labels",
        dead_letters=f"{name}.dlq",
        features=f"{name}.features",
        retries=(RetryTopic(topic=f"{name}.retry", delay_seconds=0.5),),
    )
    admin = KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers), timeout_seconds=SECONDS)
    create(admin, definitions(made, partitions=2))
    return made


@pytest.fixture
def gateway(broker: Broker, topics: TopicSettings, tmp_path: Path) -> Iterator[VersityGateway]:
    with VersityGateway(
        tmp_path / "gateway", broker.bootstrap_servers, next(iter(topics.uploads))
    ) as running:
        yield running


@pytest.fixture
def worker(workers: Workers, gateway: VersityGateway) -> WorkerProcess:
    fetch = {"object_stores": [f"s3://{BUCKET}"], "store_options": gateway.options}
    made = workers.start(sections={"decode": {"processes": 2}, "fetch": fetch})
    made.wait_until_ready(seconds=400.0)  # it may have kernels to compile, on busy cores
    return made


def skipped(worker: WorkerProcess, reason: str) -> int:
    url = next(line["metrics"] for line in worker.log_lines() if line.get("event") == "worker started")
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - our own, on loopback
        told = answer.read().decode().splitlines()
    wanted = f'genrestream_tracks_total{{outcome="skipped",reason="{reason}"}}'
    return sum(int(float(line.rpartition(" ")[2])) for line in told if line.startswith(wanted))


def test_a_file_put_into_a_bucket_is_labelled_in_two_seconds_whatever_its_name(
    gateway: VersityGateway,
    worker: WorkerProcess,
    settings: KafkaSettings,
    topics: TopicSettings,
    tmp_path: Path,
) -> None:
    file = audio.encode(audio.music(30.0, 44_100), 44_100, codec="mp3", path=tmp_path / "track.mp3")
    took_seconds: list[float] = []
    found: list[TrackLabelled] = []
    keys = [f"a dir/100% l+ve+hate, trück ({number}) %41?#.mp3" for number in range(PUTS)]
    with TopicReader(settings, [topics.labels], start=Start.NOW) as reader:

        def is_labelled() -> bool:
            record = reader.poll(0.02)
            if record is not None:
                found.append(TrackLabelled.model_validate_json(record.value or b""))
            return record is not None

        for key in keys:
            put = time.monotonic()
            gateway.put(key, file.read_bytes())
            wait_until(is_labelled, what=f"the committed label of {key!r}")
            took_seconds.append(time.monotonic() - put)
    assert [label.track_id for label in found] == [f"{BUCKET}/{key}" for key in keys]
    gateway.delete(keys[0])
    wait_until(lambda: skipped(worker, "object_removed") == 1, what="the counted removal")
    assert skipped(worker, "test_event") == 1
    assert worker.stop() == 0, worker.tail()
    assert len(labels(settings, topics)) == PUTS
    assert not dead_letters(settings, topics)
    assert statistics.median(took_seconds) < GOAL_SECONDS, took_seconds


def test_topics_of_other_forms_are_read_side_by_side(
    gateway: VersityGateway,
    worker: WorkerProcess,
    settings: KafkaSettings,
    topics: TopicSettings,
) -> None:
    sound = audio.music(3.5, 22_050)
    file = audio.encode(sound, 22_050, codec="wav_s16", path=worker.log.parent / "track.wav")
    with Publisher(settings) as publisher:
        value = json.dumps({"audio_uri": file.as_uri()}).encode()
        publisher.publish(OutputRecord(list(topics.uploads)[1], b"k", value, CLOUD_EVENT))
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    gateway.put_below("two/", "slashes.wav", file.read_bytes())
    gateway.put("not audio.txt", b"words")

    def all_ended() -> bool:
        return len(labels(settings, topics)) == 2 and len(dead_letters(settings, topics)) == 1

    wait_until(all_ended, what="two labels and a dead letter", seconds=60)
    assert worker.stop() == 0, worker.tail()
    events = {label.track_id: label.event_id for label in labels(settings, topics)}
    assert events.keys() == {"announced", f"{BUCKET}/two//slashes.wav"}
    assert events["announced"] == "/uploads 1"
    (letter,) = dead_letters(settings, topics)
    assert json.loads(letter.value or b"")["Records"][0]["s3"]["object"]["key"] == "not audio.txt"
