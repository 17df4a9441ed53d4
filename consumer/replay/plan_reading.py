"""Turns a batch of the feature log's records into what a plan wants of it, and what to commit after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress

from consumer.jobs import InputRecord, TopicPartition
from consumer.replay.newest import Chosen, Places


@dataclass(slots=True)
class Reading:
    """What of a batch lies within the plan.

    Attributes
    ----------
    wanted : list of InputRecord
        To be labelled.
    firsts, nexts : dict of TopicPartition to int
        Where each partition's part begins, and what to commit after it.
    finished : set of TopicPartition
        Those whose range ends with it.
    superseded : int
        Records of which the ranges hold a newer one.
    """

    wanted: list[InputRecord] = field(default_factory=list)
    firsts: dict[TopicPartition, int] = field(default_factory=dict)
    nexts: dict[TopicPartition, int] = field(default_factory=dict)
    finished: set[TopicPartition] = field(default_factory=set)
    superseded: int = 0

    def leave_superseded(self, chosen: Chosen, *, places: Places) -> None:
        """Want only the records that were chosen, and count the others; a tombstone is no record."""
        are_chosen = chosen.among(
            [places.place(record.topic_partition, record.offset) for record in self.wanted]
        )
        kept = list(compress(self.wanted, are_chosen))
        with_value = sum(record.value is not None for record in self.wanted)
        self.superseded += with_value - sum(record.value is not None for record in kept)
        self.wanted = kept
