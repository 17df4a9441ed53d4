"""Of a batch only the chosen records are wanted; the others are counted, tombstones left out."""

from __future__ import annotations

import numpy as np

from consumer.jobs import InputRecord, TopicPartition
from consumer.replay.newest import Chosen, Places
from consumer.replay.plan_reading import Reading

LOG = [TopicPartition("track-features", number) for number in range(2)]


def test_what_is_superseded_is_left_out_and_counted_but_no_tombstone() -> None:
    places = Places(dict.fromkeys(LOG, 0))
    records = [InputRecord(LOG[number % 2], number, b"key", b"value") for number in range(6)]
    records.append(InputRecord(LOG[0], 6, b"key", None))
    chosen = [places.place(LOG[1], 1), places.place(LOG[0], 4)]
    reading = Reading(wanted=records)
    reading.leave_superseded(Chosen(np.array(sorted(chosen), np.int64)), places=places)
    assert [record.offset for record in reading.wanted] == [1, 4]
    assert reading.superseded == 4
