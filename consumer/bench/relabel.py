"""Turns a feature log of made-up tracks into new labels through a real broker, and into what that took."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from consumer.bench.broker import Broker
from consumer.bench.failures import BenchFailedError
from consumer.bench.replay_crew import ReplayCrew
from consumer.bench.service import benchmark_kafka, lent_topics
from consumer.bench.spread import percentile
from consumer.clock import SYSTEM_CLOCK
from consumer.config import KafkaSettings, Settings
from consumer.events import AudioSummary
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.kafka import Publisher, RangeReader, find_ranges
from consumer.pipeline.scoring import ScorerPort
from consumer.replay.book import PlanBook
from consumer.replay.feature_labels import FeatureLabeller, score_tracks
from consumer.replay.plan import Terms
from consumer.topic_settings import TopicSettings
from featurizer.spec import GTZAN57

_KINDS: Final = 1_000
"""Different tracks; the others share their features, but no id."""
_SECONDS: Final = 120.0
_FIRST_UPLOAD: Final = datetime(2026, 1, 1, tzinfo=UTC)

OnTracks = Callable[[int], None]


def make_tracks(scorer: ScorerPort, *, windows: int, count: int = _KINDS) -> list[TrackFeatures]:
    """Make tracks of the quantiles of the model's training data, the same each time."""
    rng = np.random.default_rng(0)
    manifest = scorer.manifest
    quantiles = np.array([manifest.drift_reference[name] for name in manifest.feature_names])
    columns = np.arange(len(quantiles))
    return [
        TrackFeatures(
            event_id=f"event-{number}",
            track_id=f"track-{number}",
            audio_uri=f"s3://catalogue/music/track-{number}.mp3",
            uploaded_at=_FIRST_UPLOAD + timedelta(seconds=number),
            declared_genre=None,
            audio=AudioSummary(duration_seconds=3.0 * windows, codec="mp3", sample_rate=44_100),
            policy="all",
            starts_seconds=None,
            stopped_early=False,
            feature_set=manifest.feature_set,
            spec_fingerprint=manifest.spec_fingerprint,
            features=quantiles[columns, rng.integers(0, 10, size=(windows, len(columns)))].astype(np.float32),
        )
        for number in range(count)
    ]


def measure_scoring(
    scorer: ScorerPort, tracks: Sequence[TrackFeatures], *, settings: Settings, rounds: int
) -> dict[str, Any]:
    """Time one thread, without Kafka: features to verdicts, and records to labels ready to be produced.

    A core's second is one of CPU time, so that a busy machine hardly changes the figures; scoring is on the
    CPU, and in the calling thread.
    """
    place = TopicPartition(settings.topics.features, 0)
    records = [
        InputRecord(place, offset, track.track_id.encode(), encode_features(track))
        for offset, track in enumerate(tracks)
    ]
    labeller = FeatureLabeller(scorer, settings=settings, spec=GTZAN57, replay_id="bench", clock=SYSTEM_CLOCK)
    sides: dict[str, Callable[[], object]] = {
        "scoring": lambda: score_tracks(tracks, scorer),
        "labelling": lambda: labeller.label(records),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(rounds + 1):
        for name, side in sides.items():
            started = time.thread_time()
            side()
            if round_number:  # the first warms up
                seconds[name].append(time.thread_time() - started)
    return {
        f"{name}_tracks_per_second_per_core": len(tracks) / percentile(taken, 50)
        for name, taken in seconds.items()
    }


def measure_end_to_end(
    scorer: ScorerPort,
    kinds: Sequence[TrackFeatures],
    *,
    settings: Settings,
    broker: Broker,
    tracks: int,
    processes: int,
    on_tracks: OnTracks = lambda _: None,
) -> dict[str, Any]:
    """Publish a feature log, replay it by some processes and count the labels that readers see.

    The time runs from the moment when every process has loaded the model until the last of them has seen
    every range committed: joining the group and the search for each track's newest record are in it. The CPU
    time is the processes', without the broker's.

    Raises
    ------
    BenchFailedError
        Some track has no label, or two.
    BrokerError
        The broker does not answer, or refuses us.
    """
    name = f"genrestream-bench-{uuid.uuid4().hex[:8]}"
    fitted = _fitted(settings, broker=broker, name=name)
    with lent_topics(fitted, broker=broker):
        _publish(fitted, kinds, tracks)
        ranges = find_ranges(fitted.kafka, [fitted.topics.features], timeout_seconds=_SECONDS)
        plan = PlanBook(fitted, replay_id="bench").write(Terms.of(scorer.manifest, source="features"), ranges)
        crew = ReplayCrew(fitted, plan, processes=processes)
        with crew:
            wall_seconds, cpu_seconds = crew.work(on_tracks=on_tracks)
        _check_labels(fitted.kafka, fitted.topics.labels, expected=tracks)
    return {
        "tracks": tracks,
        "processes": processes,
        "end_to_end_tracks_per_second": tracks / wall_seconds,
        "cpu_microseconds_per_track": 1e6 * cpu_seconds / tracks,
        "wall_seconds": wall_seconds,
    }


def _publish(settings: Settings, kinds: Sequence[TrackFeatures], tracks: int) -> None:
    with Publisher(settings.kafka, topics=settings.topics) as publisher:
        for number in range(tracks):
            kind = kinds[number % len(kinds)]
            value = encode_features(replace(kind, track_id=f"track-{number}", event_id=f"event-{number}"))
            publisher.publish(OutputRecord(settings.topics.features, f"track-{number}".encode(), value))
        if publisher.flush(timeout_seconds=_SECONDS):
            raise BenchFailedError("the feature log could not be written in time")


def _check_labels(kafka: KafkaSettings, topic: str, *, expected: int) -> None:
    labels: Counter[bytes] = Counter()
    with RangeReader(kafka, find_ranges(kafka, [topic], timeout_seconds=_SECONDS)) as reader:
        while not reader.finished:
            labels.update(record.key or b"" for record in reader.poll_batch(2_000))
    if len(labels) != expected or set(labels.values()) != {1}:
        raise BenchFailedError(
            f"not one label a track: tracks={expected} labelled={len(labels)} labels={labels.total()}"
        )


def _fitted(settings: Settings, *, broker: Broker, name: str) -> Settings:
    topics = TopicSettings(
        uploads={f"{name}.uploads": "track_uploaded"},
        labels=f"{name}.labels",
        dead_letters=f"{name}.dlq",
        features=f"{name}.features",
        retries=(),
    )
    return settings.model_copy(
        update={"kafka": benchmark_kafka(settings.kafka, broker=broker, name=name), "topics": topics}
    )
