"""Turns a dead letter into what is published for it, an upload and a marker, or into why it stays.

The upload is the original value with the original key. Where the letter holds a record of several events (a
bucket notification, a batch of CloudEvents) of which one failed, only that one is published, as a
`TrackUploaded`, which the topics of all adapters take: its neighbours have their labels. A letter without an
`event-id` is redriven whole, which repeats its neighbours; their labels then share their `event_id`, and
their `result_id` too where the same model speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from consumer.dead_letters.history import with_round
from consumer.dead_letters.letter import Letter
from consumer.jobs import OutputRecord
from consumer.loop.provenance import REDRIVEN
from consumer.topic_settings import TopicSettings


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is published for a letter, in one transaction."""

    letter: Letter
    upload: OutputRecord
    marker: OutputRecord

    @property
    def size_bytes(self) -> int:
        """Bytes of both records."""
        return self.upload.size_bytes + self.marker.size_bytes


class Packer:
    """Packs letters.

    Parameters
    ----------
    topics : TopicSettings
        Which topics take uploads, and in what form.
    to : str or None
        The topic to publish in; each letter's own where null.
    replay_id : str or None
        The replay whose letters are meant; where null, those of replays stay.
    """

    def __init__(self, topics: TopicSettings, *, to: str | None, replay_id: str | None) -> None:
        self._topics = topics
        self._to = to
        self._replay_id = replay_id

    def pack(self, letter: Letter) -> Parcel | str:
        """Give what is to be published, or why nothing can be."""
        topic = self._to or letter.told.topic
        if why := self._obstacle(letter, topic):
            return why
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = letter.record
        headers = with_round(
            letter.carried,
            ours=letter.ours,
            source=f"{record.topic_partition.topic}/{letter.place}",
            origin=f"{letter.told.topic}/{letter.told.partition}/{letter.told.offset}",
            now=now,
        )
        upload = OutputRecord(topic, record.key, self._value(letter, topic), headers)
        if upload.size_bytes > self._topics.max_message_bytes:
            return f"with its history it has {upload.size_bytes} bytes, and {topic!r} takes fewer"
        marking = {REDRIVEN: str(letter.place), "redriven-to": topic, "redriven-at": now}
        marks = tuple((name, text.encode()) for name, text in marking.items())
        marker = OutputRecord(record.topic_partition.topic, record.key, None, marks)
        return Parcel(letter, upload, marker)

    def _obstacle(self, letter: Letter, topic: str) -> str | None:
        if letter.redriven:
            return "it was redriven"
        if not letter.ours:
            return "no worker wrote it"
        if letter.truncated:
            return f"its value was cut: {letter.ours['truncated']} bytes did not fit the topic"
        if letter.replay_id is not None and self._replay_id is None:
            return f"it is of replay {letter.replay_id!r}, and its live label stands: name it by --replay-id"
        if topic not in self._topics.uploads:
            return f"{topic!r} is not among topics.uploads: choose one with --to"
        return None

    def _value(self, letter: Letter, topic: str) -> bytes | None:
        adapters = self._topics.uploads
        origin = letter.told.topic
        other_form = origin in adapters and adapters[topic] != adapters[origin]
        if letter.upload is not None and (letter.n_events > 1 or other_form):
            return letter.upload.wire
        return letter.record.value
