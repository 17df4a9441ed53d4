"""A real worker logs the features behind its labels, and a replay from them says what the worker said."""

from __future__ import annotations

import pytest

from consumer.config import KafkaSettings, Settings
from consumer.events import TrackLabelled
from consumer.feature_codec import FeatureDecoder
from consumer.jobs import OutputRecord
from consumer.kafka import Publisher, find_ranges
from consumer.replay.book import PlanBook
from consumer.replay.from_features import FeatureReplay
from consumer.replay.plan import Terms, member_settings
from featurizer.spec import GTZAN57
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer
from tests.broker.harness import SECONDS, Topics, read_all, unique, uploads_of, wait_until
from tests.broker.workers import Workers, upload

TRACE = (("traceparent", b"00-abc-def-01"),)


def _labels(kafka: KafkaSettings, topics: Topics) -> list[TrackLabelled]:
    found = read_all(kafka, topics.labels)
    return [TrackLabelled.model_validate_json(record.value or b"") for record in found]


@pytest.mark.parametrize("protocol", ["classic"])
@pytest.mark.parametrize("delivery", ["exactly_once", "at_least_once"])
def test_a_replay_from_the_log_of_a_worker_agrees_with_it(
    settings: KafkaSettings, topics: Topics, workers: Workers, delivery: str
) -> None:
    worker = workers.start(
        faults={"fake_audio": True},
        sections={"worker": {"feature_log": True, "max_attempts": 1}},
        kafka={"delivery": delivery},
    )
    worker.wait_until_ready()
    with Publisher(settings) as publisher:
        for uri in ("ok:3", "not-audio:"):
            value = upload(uri, uri=uri)
            publisher.publish(OutputRecord(uploads_of(topics), uri.encode(), value, TRACE))
        assert publisher.flush(timeout_seconds=SECONDS) == 0
    wait_until(lambda: len(_labels(settings, topics)) == 1, what="the label")
    wait_until(lambda: len(read_all(settings, topics.dead_letters)) == 1, what="the dead letter")
    assert worker.stop() == 0, worker.tail()
    (live,) = _labels(settings, topics)
    (record,) = read_all(settings, topics.features)  # what failed has none
    logged = FeatureDecoder(GTZAN57).decode(record.value)
    assert (record.key, record.headers) == (live.track_id.encode(), TRACE)
    assert (logged.event_id, logged.audio, logged.policy) == (live.event_id, live.audio, "all")
    assert logged.starts_seconds == live.windows.starts_seconds
    assert logged.features.shape == (3, GTZAN57.width)

    service = Settings(kafka=settings, topics=topics)
    scorer = OnnxScorer(Registry().load(live.model.name, version=live.model.version), device="cpu")
    ranges = find_ranges(settings, [topics.features], timeout_seconds=SECONDS)
    plan = PlanBook(service, replay_id="again").write(Terms.of(scorer.manifest, source="features"), ranges)
    FeatureReplay(member_settings(service, plan, transactional_id=unique("member")), plan, scorer).run()

    again = next(label for label in _labels(settings, topics) if label.replay_id == "again")
    assert len(_labels(settings, topics)) == 2
    assert (again.genres, again.windows, again.audio) == (live.genres, live.windows, live.audio)
    assert (again.track_id, again.event_id, again.model) == (live.track_id, live.event_id, live.model)
    assert again.timing.uploaded_at == live.timing.uploaded_at
    assert len(read_all(settings, topics.features)) == 1  # a replay logs nothing anew
