"""Turns what readers of all topics can see into a verdict: nothing lost, nothing twice, nothing passed over.

It reads the logs alone and trusts nothing that the workers say: headers are parsed here again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from consumer.config import Settings
from consumer.events import TrackLabelled
from consumer.feature_codec import FeatureDecoder
from consumer.jobs import InputRecord, TopicPartition
from consumer.memory_broker import MemoryBroker
from consumer.simulation.load import LARGE_WINDOWS
from featurizer.spec import GTZAN57


class ViolationError(AssertionError):
    """The run broke a promise."""


class Delivered(NamedTuple):
    """One delivery of one event: where the event first arrived, and the number of the delivery."""

    topic_partition: TopicPartition
    offset: int
    attempt: int


class Oracle:
    """Follows the logs as they grow.

    Parameters
    ----------
    broker : MemoryBroker
        Whose logs.
    settings : Settings
        Names the topics, the group and the number of attempts.
    exactly_once : bool
        Whether repeats break a promise.
    """

    def __init__(self, broker: MemoryBroker, *, settings: Settings, exactly_once: bool) -> None:
        self._broker = broker
        self._topics = settings.topics
        self._max_attempts = settings.worker.max_attempts
        self._group = settings.kafka.group
        self._exactly_once = exactly_once
        self._origins: dict[str, tuple[TopicPartition, int]] = {}
        self._due: dict[Delivered, float] = {}
        self._inputs: dict[TopicPartition, dict[int, Delivered]] = {
            partition: {} for partition in broker.partitions(settings.topics.inputs)
        }
        self._outputs = broker.partitions([settings.topics.labels, settings.topics.dead_letters])
        self._log_partitions = broker.partitions([settings.topics.features])
        self._keeps_features = settings.worker.feature_log
        self._labels: dict[Delivered, tuple[int, int]] = {}
        self._retries = broker.partitions([retry.topic for retry in settings.topics.retries])
        self._end = 0
        self._read_to: Counter[TopicPartition] = Counter()
        self._checked_to: Counter[TopicPartition] = Counter()
        self.outcomes: Counter[Delivered] = Counter()

    def expect(self, event_id: str, record: InputRecord) -> None:
        """Learn where an upload was stored."""
        self._origins[event_id] = (record.topic_partition, record.offset)

    def check_commits(self) -> None:
        """Raise `ViolationError` where a committed offset is past a record without a visible outcome."""
        committed = self._broker.committed(self._group)
        if committed == self._checked_to:
            return
        self._read()
        hidden = set(self._hidden())
        for partition, next_offset in committed.items():
            if next_offset < self._checked_to[partition]:
                raise ViolationError(f"{partition}: the committed offset went back to {next_offset}")
            for offset, delivered in self._inputs[partition].items():
                if not self._checked_to[partition] <= offset < next_offset:
                    continue
                if not self.outcomes[delivered] and delivered not in hidden:
                    raise ViolationError(
                        f"{partition}: next_offset={next_offset} passes unfinished {delivered}"
                    )
            self._checked_to[partition] = next_offset

    def drained(self) -> bool:
        """Whether every input record is visible and before its committed offset, and so is its outcome."""
        for partition in (*self._inputs, *self._outputs, *self._log_partitions):
            log = self._broker.log(partition)
            if log.last_stable_offset < log.end_offset:
                return False  # a dead worker's transaction has not timed out yet
        self._read()
        committed = self._broker.committed(self._group)
        return all(
            max(records, default=-1) < committed.get(partition, 0)
            for partition, records in self._inputs.items()
        )

    def check_outcomes(self) -> None:
        """Raise `ViolationError` unless each delivery has its one outcome, and there is no other outcome."""
        self.check_commits()
        expected = {delivered for records in self._inputs.values() for delivered in records.values()}
        for delivered in expected | set(self.outcomes):
            n_outcomes = self.outcomes[delivered]
            if delivered not in expected:
                raise ViolationError(f"an outcome of what was never delivered: {delivered}")
            if n_outcomes == 0:
                raise ViolationError(f"lost: {delivered}")
            if n_outcomes > 1 and self._exactly_once:
                raise ViolationError(f"{n_outcomes} outcomes of {delivered}")
            if delivered.attempt > self._max_attempts:
                raise ViolationError(f"one attempt too many: {delivered}")
        self._check_features()

    def _check_features(self) -> None:
        """Raise `ViolationError` unless a label's features are visible if and only if the label is.

        What is too large is left out. At least once, a delivery that ended twice may have left either alone.
        """
        logged: Counter[Delivered] = Counter()
        decoder = FeatureDecoder(GTZAN57)
        for partition in self._log_partitions:
            for record in self._new_records(partition):
                features = decoder.decode(record.value)
                origin, offset = self._origins[features.event_id]
                logged[Delivered(origin, offset, int(features.policy))] += 1
        for delivered in set(logged) | set(self._labels):
            n_windows, n_labels = self._labels.get(delivered, (0, 0))
            expected = n_labels if self._keeps_features and n_windows < LARGE_WINDOWS else 0
            found = logged[delivered]
            if not self._exactly_once:
                if self.outcomes[delivered] != 1 or n_labels != 1:
                    continue
                found = min(found, expected)
            if found != expected:
                raise ViolationError(f"{found} feature records of {delivered}, labels={n_labels}")

    def _read(self) -> None:
        end = sum(self._broker.log(partition).end_offset for partition in (*self._inputs, *self._outputs))
        if end == self._end:
            return
        self._end = end
        for partition in self._inputs:
            for record in self._new_records(partition):
                if partition.topic in self._topics.uploads:
                    delivered = Delivered(partition, record.offset, 1)
                else:
                    headers = {name: value or b"" for name, value in record.headers}
                    delivered = _delivered(headers, attempt=int(headers["attempt"]))
                    self._count(delivered._replace(attempt=delivered.attempt - 1), record)
                    due = datetime.fromisoformat(headers["not-before"].decode()).timestamp()
                    self._due[delivered] = min(due, self._due.get(delivered, due))  # repeats differ
                self._inputs[partition][record.offset] = delivered
        for partition in self._outputs:
            for record in self._new_records(partition):
                delivered = self._ended(record)
                self._count(delivered, record)
                self._note_label(delivered, record)

    def _hidden(self) -> Iterator[Delivered]:
        """Give committed outcomes that readers will see only once another's open transaction has ended."""
        for partition in self._outputs:
            for record in self._broker.log(partition).committed_behind_open():
                yield self._ended(record)
        for partition in self._retries:
            for record in self._broker.log(partition).committed_behind_open():
                headers = {name: value or b"" for name, value in record.headers}
                yield _delivered(headers, attempt=int(headers["attempt"]) - 1)

    def _new_records(self, partition: TopicPartition) -> Iterator[InputRecord]:
        log = self._broker.log(partition)
        while (record := log.read(self._read_to[partition])) is not None:
            self._read_to[partition] = record.offset + 1
            yield record

    def _ended(self, record: InputRecord) -> Delivered:
        if record.topic_partition.topic == self._topics.dead_letters:
            headers = {name: value or b"" for name, value in record.headers}
            if headers["reason"] == b"result_too_large":  # without its timeline every simulated label fits
                raise ViolationError("a label that fits its topic was dead-lettered for its size")
            return _delivered(headers, attempt=int(headers["attempts"]))
        label = TrackLabelled.model_validate_json(record.value or b"")
        origin, offset = self._origins[label.event_id]
        return Delivered(origin, offset, int(label.result_id.rpartition("/")[2]))

    def _note_label(self, delivered: Delivered, record: InputRecord) -> None:
        if record.topic_partition.topic == self._topics.labels:
            label = TrackLabelled.model_validate_json(record.value or b"")
            n_labels = self._labels.get(delivered, (0, 0))[1]
            self._labels[delivered] = (label.windows.count, n_labels + 1)

    def _count(self, delivered: Delivered, record: InputRecord) -> None:
        self.outcomes[delivered] += 1
        if record.timestamp_ms / 1_000 < self._due.get(delivered, 0.0):
            raise ViolationError(f"ended before it was due: {delivered}")


def _delivered(headers: dict[str, bytes], *, attempt: int) -> Delivered:
    origin = TopicPartition(headers["topic"].decode(), int(headers["partition"]))
    return Delivered(origin, int(headers["offset"]), attempt)
