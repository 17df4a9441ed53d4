"""Turns ranges of the feature log into rows of a table, one a window, as training reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from consumer.config import KafkaSettings
from consumer.errors import EventError, reason
from consumer.feature_codec import FeatureDecoder
from consumer.feature_record import TrackFeatures
from consumer.jobs import TopicPartition
from consumer.kafka import OffsetRange, RangeReader
from consumer.pipeline.genres import normalise
from consumer.replay.newest_features import newest_features
from consumer.replay.selection import places_of
from consumer.tables_file import Column
from featurizer.spec import FeatureSpec

_BATCH_RECORDS: Final = 1_000

Row = dict[str, Any]


def feature_columns(spec: FeatureSpec) -> tuple[Column, ...]:
    """Name the columns: `filename` (track.window.wav), who and when, each feature, and `label`.

    The label is the genre that the upload declared, spelt as models spell genres; null where there is none.
    """
    return (
        Column("filename", "text"),
        Column("track_id", "text"),
        Column("window", "integer"),
        Column("start_seconds", "float64"),
        Column("uploaded_at", "moment"),
        Column("audio_uri", "text"),
        Column("declared_genre", "text"),
        *(Column(name, "float32") for name in spec.feature_names),
        Column("label", "text"),
    )


class FeatureRows:
    """Reads a feature log through; `counts` says what was left out.

    Parameters
    ----------
    kafka : KafkaSettings
        The broker.
    ranges : Mapping of TopicPartition to OffsetRange
        What is read.
    spec : FeatureSpec
        Whose features are wanted.
    newest : bool
        Whether only the newest record of each track counts.
    declared : bool
        Whether tracks without a declared genre are left out.
    on_read : callable
        Told how many records were passed.

    Attributes
    ----------
    counts : Counter of str
        Records by what became of them: `exported`, `superseded`, `undeclared`, `tombstone`, and why others
        could not be read, as `other_features`.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        ranges: Mapping[TopicPartition, OffsetRange],
        *,
        spec: FeatureSpec,
        newest: bool = True,
        declared: bool = False,
        on_read: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._kafka = kafka
        self._ranges = ranges
        self._spec = spec
        self._newest = newest
        self._declared = declared
        self._on_read = on_read

    def __iter__(self) -> Iterator[Row]:
        """Give the windows, track by track, in order of time within a track.

        Raises
        ------
        BrokerError
            The broker does not answer, or refuses us.
        """
        decoder = FeatureDecoder(self._spec)
        for value in self._chosen_values():
            try:
                track = decoder.decode(value)
            except EventError as exc:
                self.counts[reason(exc)] += 1
                continue
            if self._declared and track.declared_genre is None:
                self.counts["undeclared"] += 1
                continue
            self.counts["exported"] += 1
            yield from _windows_of(track, self._spec)

    def _chosen_values(self) -> Iterator[bytes]:
        places = places_of(self._ranges)
        chosen = newest_features(self._kafka, self._ranges) if self._newest else None
        with RangeReader(self._kafka, self._ranges) as reader:
            while not reader.finished:
                records = reader.poll_batch(_BATCH_RECORDS)
                for record in records:
                    if record.value is None:
                        self.counts["tombstone"] += 1
                    elif chosen is None or places.place(record.topic_partition, record.offset) in chosen:
                        yield record.value
                    else:
                        self.counts["superseded"] += 1
                self._on_read(len(records))


def _windows_of(track: TrackFeatures, spec: FeatureSpec) -> Iterator[Row]:
    label = None if track.declared_genre is None else normalise(track.declared_genre) or None
    for index, features in enumerate(track.features.tolist()):
        start = index * spec.window_seconds if track.starts_seconds is None else track.starts_seconds[index]
        number = round(start / spec.window_seconds)
        yield {
            "filename": f"{track.track_id}.{number}.wav",
            "track_id": track.track_id,
            "window": number,
            "start_seconds": start,
            "uploaded_at": track.uploaded_at,
            "audio_uri": track.audio_uri,
            "declared_genre": track.declared_genre,
            **dict(zip(spec.feature_names, features, strict=True)),
            "label": label,
        }
