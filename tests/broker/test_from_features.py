"""A replay from the feature log gives each track one new label, whoever dies, and touches nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from consumer.config import KafkaSettings, Settings
from consumer.events import TrackLabelled
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import Headers, OutputRecord
from consumer.kafka import GroupOffsets, KafkaProducer, Publisher, find_ranges
from consumer.replay.book import PlanBook
from consumer.replay.from_features import FeatureReplay
from consumer.replay.plan import Plan, Terms, member_settings
from deploy.local_kafka.death_wish import death_wish
from featurizer.spec import GTZAN57
from modelzoo.aggregate import decide
from modelzoo.manifest import Manifest
from modelzoo.registry import Registry
from modelzoo.scorer import OnnxScorer
from tests.broker.harness import SECONDS, Broker, Topics, read_all, unique, wait_until
from tests.consumer.engines import MOMENT
from tests.consumer.feature_records import features_of
from tests.paths import REPOSITORY

OTHER_SPEC = replace(GTZAN57, revision=99)
TRACE: Headers = (("traceparent", b"00-abc-def-01"),)


@pytest.fixture
def settings_(kafka: Callable[..., KafkaSettings], topics: Topics) -> Settings:
    return Settings(kafka=kafka(), topics=topics)


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer(Registry().load("gtzan57-mlp"), device="cpu")


def _music(track_id: str, manifest: Manifest, *, seed: int, n_windows: int = 3) -> TrackFeatures:
    """Give a track whose features lie where the model's training data lay."""
    rng = np.random.default_rng(seed)
    middles = np.array([manifest.drift_reference[name] for name in manifest.feature_names])
    columns = rng.integers(0, 10, size=(n_windows, len(middles)))
    features = middles[np.arange(len(middles)), columns].astype(np.float32)
    return replace(features_of(track_id), features=features)


def _publish(settings: Settings, records: Sequence[tuple[str, bytes | None]]) -> None:
    with Publisher(settings.kafka) as publisher:
        for key, value in records:
            publisher.publish(OutputRecord(settings.topics.features, key.encode(), value, TRACE))
        assert publisher.flush(timeout_seconds=SECONDS) == 0


def _plan(settings: Settings, manifest: Manifest, *, newest: bool = True) -> Plan:
    ranges = find_ranges(settings.kafka, [settings.topics.features], timeout_seconds=SECONDS)
    terms = Terms.of(manifest, source="features", newest=newest)
    return PlanBook(settings, replay_id="again").write(terms, ranges)


def _run(settings: Settings, plan: Plan, scorer: OnnxScorer) -> Counter[str]:
    member = member_settings(settings, plan, transactional_id=unique("member"))
    return FeatureReplay(member, plan, scorer).run()


def _labels(settings: Settings) -> list[TrackLabelled]:
    found = read_all(settings.kafka, settings.topics.labels)
    return [TrackLabelled.model_validate_json(record.value or b"") for record in found]


def _at_stop(settings: Settings, plan: Plan) -> bool:
    found = GroupOffsets(settings.kafka.model_copy(update={"group": plan.group})).read(
        timeout_seconds=SECONDS
    )
    return all(found[partition].offset >= span.stop for partition, span in plan.ranges.items())


def test_each_track_gets_one_label_of_its_newest_features(settings_: Settings, scorer: OnnxScorer) -> None:
    tracks = [_music(f"track-{number}", scorer.manifest, seed=number) for number in range(40)]
    older = [
        replace(_music(track.track_id, scorer.manifest, seed=1_000), uploaded_at=MOMENT - timedelta(days=1))
        for track in tracks[:10]
    ]
    other = replace(features_of("other"), spec_fingerprint=OTHER_SPEC.fingerprint)
    _publish(
        settings_,
        [
            *((track.track_id, encode_features(track)) for track in tracks),
            *((track.track_id, encode_features(track)) for track in older),  # redriven after the newer ones
            ("gone", None),
            ("damaged", b"GSFL and no more"),
            ("other", encode_features(other)),
        ],
    )
    plan = _plan(settings_, scorer.manifest)
    _publish(settings_, [("too late", encode_features(features_of("too late")))])

    counts = _run(settings_, plan, scorer)

    labels = {label.track_id: label for label in _labels(settings_)}
    assert len(_labels(settings_)) == len(labels) == 40
    assert counts["labelled"] + counts["abstained"] == 40
    assert (counts["superseded"], counts["other_features"], counts["dead_lettered"]) == (10, 1, 1)
    for track in tracks:
        expected = decide(scorer(track.features), scorer.manifest)
        label = labels[track.track_id]
        assert label.genre == expected.genre
        # The model rounds float32 sums by the size of its batch: 2e-9 was seen.
        assert label.confidence == pytest.approx(expected.confidence, abs=1e-6)
        assert label.replay_id == "again"
        assert label.timing.uploaded_at == track.uploaded_at
    (dead,) = read_all(settings_.kafka, settings_.topics.dead_letters)
    headers = dict(dead.headers)
    assert (dead.key, dead.value) == (b"damaged", b"GSFL and no more")
    assert (headers["reason"], headers["replay-id"]) == (b"invalid_feature_record", b"again")
    assert headers["traceparent"] == TRACE[0][1]
    assert all(record.headers == TRACE for record in read_all(settings_.kafka, settings_.topics.labels))
    assert _at_stop(settings_, plan)
    assert GroupOffsets(settings_.kafka).read(timeout_seconds=SECONDS) == {}  # the live group's


def test_all_records_are_labelled_where_that_is_wished(settings_: Settings, scorer: OnnxScorer) -> None:
    track = _music("twice", scorer.manifest, seed=1)
    _publish(settings_, [("twice", encode_features(track))] * 2)
    counts = _run(settings_, _plan(settings_, scorer.manifest, newest=False), scorer)
    assert len(_labels(settings_)) == counts["labelled"] + counts["abstained"] == 2


def test_a_range_that_ends_in_a_gap_ends_all_the_same(settings_: Settings, scorer: OnnxScorer) -> None:
    """Transaction markers take offsets, and no record stands on the last one."""
    track = _music("a", scorer.manifest, seed=1)
    kafka = settings_.kafka.model_copy(update={"transactional_id": unique("upstream")})
    producer = KafkaProducer(kafka, topics=settings_.topics)
    producer.init_transactions(timeout_seconds=SECONDS)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for number in range(6):
            value = encode_features(replace(track, track_id=f"a-{number}"))
            record = OutputRecord(settings_.topics.features, f"a-{number}".encode(), value)
            producer.produce(record, on_delivery=lambda _: None)
        producer.flush(timeout_seconds=SECONDS)
        end(timeout_seconds=SECONDS)
    plan = _plan(settings_, scorer.manifest)
    assert plan.total > 12
    _run(settings_, plan, scorer)
    assert len(_labels(settings_)) == 6
    assert _at_stop(settings_, plan)
    _run(settings_, plan, scorer)  # nothing is left to do
    assert len(_labels(settings_)) == 6


@contextmanager
def _process(settings: Settings, *, rate: float) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.broker.replay_process",
            settings.model_dump_json(),
            "again",
            str(rate),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=death_wish(),  # noqa: PLW1509 - it only makes two system calls
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_killed_half_way_and_shared_by_two_each_track_has_one_new_label(
    broker: Broker, settings_: Settings, scorer: OnnxScorer
) -> None:
    tracks = [_music(f"track-{number}", scorer.manifest, seed=number) for number in range(1_000)]
    _publish(settings_, [(track.track_id, encode_features(track)) for track in tracks])
    _plan(settings_, scorer.manifest)
    with _process(settings_, rate=100.0) as first:
        wait_until(lambda: len(_labels(settings_)) >= 200, what="a part of the labels", seconds=90)
        first.kill()
    assert len(_labels(settings_)) < 1_000
    with _process(settings_, rate=80.0) as second, _process(settings_, rate=80.0) as third:
        counted = [json.loads(process.communicate(timeout=120)[0]) for process in (second, third)]
    assert all(count.get("labelled", 0) + count.get("abstained", 0) > 0 for count in counted)
    found = Counter(label.track_id for label in _labels(settings_))
    assert set(found.values()) == {1}
    assert found.keys() == {track.track_id for track in tracks}
