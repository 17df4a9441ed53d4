"""Turns a record of the dead-letter topic into a letter: what failed, why, when, and what it carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

from consumer.dead_letters.history import rounds_of
from consumer.errors import EventError
from consumer.jobs import Headers, InputRecord, TopicPartition
from consumer.loop.adapters import Announcement, Reader, Upload
from consumer.loop.provenance import split_dead_letter
from consumer.watch import DeadLetter, read_dead_letter

_PLACE: Final = re.compile(r"([0-9]{1,9})/([0-9]{1,18})")


class LetterPlace(NamedTuple):
    """Where a dead letter stands in its topic; written `PARTITION/OFFSET`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PARTITION/OFFSET`.

        Raises
        ------
        ValueError
            It is not of that form.
        """
        found = _PLACE.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"not a dead letter's place: {text!r}: write PARTITION/OFFSET, as 0/1200")
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Attributes
    ----------
    record : InputRecord
        As it stands in the dead-letter topic.
    told : DeadLetter
        What its headers say of the failure.
    carried : Headers
        The upload's own headers, and the history of earlier redrives.
    ours : dict of str to str
        Our headers, decoded; empty in a record that no worker wrote.
    upload : Upload or None
        The event that failed, where it can be read.
    n_events : int
        Events of the record that failed; 0 where it cannot be read.
    redriven : bool
        Whether a marker says that it was redriven.
    """

    record: InputRecord
    told: DeadLetter
    carried: Headers
    ours: dict[str, str]
    upload: Upload | None
    n_events: int
    redriven: bool = False

    @property
    def place(self) -> LetterPlace:
        """Where it stands."""
        return LetterPlace(self.record.topic_partition.partition, self.record.offset)

    @property
    def track_id(self) -> str | None:
        """The track: as the event says, else the key."""
        return self.upload.event.track_id if self.upload else self.told.track_id

    @property
    def replay_id(self) -> str | None:
        """The replay that it failed in; null in the live group."""
        return self.ours.get("replay-id")

    @property
    def truncated(self) -> bool:
        """Whether its value was cut."""
        return "truncated" in self.ours

    @property
    def rounds(self) -> int:
        """How often its upload was redriven before it failed this time."""
        return rounds_of(self.carried)

    def to_json(self) -> dict[str, Any]:
        """Give the object that `dlq list --json` prints."""
        return {
            "dead_letter": str(self.place),
            "failed_at": self.ours.get("failed-at"),
            "first_failed_at": self.ours.get("first-failed-at"),
            **self.told.to_json(),
            "track_id": self.track_id,
            "replay_id": self.replay_id,
            "value_bytes": len(self.record.value or b""),
            "truncated": self.truncated,
            "redrive_count": self.rounds,
            "redriven": self.redriven,
        }


def read_letter(record: InputRecord, *, reader: Reader, redriven: bool = False) -> Letter:
    """Read a dead letter; `reader` reads its value as the topic does in which it first arrived."""
    told = read_dead_letter(record)
    carried, block = split_dead_letter(record.headers)
    ours = {name: (value or b"").decode("utf-8", "replace") for name, value in block}
    announcement = _announcement(record, told, carried, ours, reader) if ours else Announcement(())
    upload = _failed_one(announcement, ours.get("event-id"))
    n_events = len(announcement.uploads) + len(announcement.skipped)
    return Letter(record, told, carried, ours, upload, n_events, redriven)


def _announcement(
    record: InputRecord, told: DeadLetter, carried: Headers, ours: dict[str, str], reader: Reader
) -> Announcement:
    timestamp = ours.get("timestamp", "")
    original = InputRecord(
        TopicPartition(told.topic, told.partition),
        told.offset,
        record.key,
        record.value,
        carried,
        timestamp_ms=int(timestamp) if timestamp.isascii() and timestamp.isdigit() else 0,
    )
    try:
        return reader.read(original)
    except EventError:
        return Announcement(())  # most likely why it is here


def _failed_one(announcement: Announcement, event_id: str | None) -> Upload | None:
    if len(announcement.uploads) == 1 and event_id is None:
        return announcement.uploads[0]
    return next((one for one in announcement.uploads if one.event.event_id == event_id), None)
