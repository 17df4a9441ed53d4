"""Turns what was asked for into which dead letters are meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consumer.dead_letters.letter import Letter, LetterPlace


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is empty or null narrows nothing.

    Attributes
    ----------
    reasons, topics, track_ids : frozenset of str
        Why they failed; where their uploads first arrived; of which tracks.
    places : frozenset of LetterPlace
        Where they stand.
    replay_id : str or None
        Of which replay.
    since, until : datetime, int or None
        When they were written, or from and before which offset.
    redriven : bool
        Whether those that were redriven are meant too.
    """

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    track_ids: frozenset[str] = frozenset()
    places: frozenset[LetterPlace] = frozenset()
    replay_id: str | None = None
    since: datetime | int | None = None
    until: datetime | int | None = None
    redriven: bool = False

    def __contains__(self, letter: Letter) -> bool:
        """Tell whether a letter within the bounds of time or offset is meant."""
        return (
            (self.redriven or not letter.redriven)
            and (not self.reasons or letter.told.reason in self.reasons)
            and (not self.topics or letter.told.topic in self.topics)
            and (not self.track_ids or letter.track_id in self.track_ids)
            and (not self.places or letter.place in self.places)
            and (self.replay_id is None or letter.replay_id == self.replay_id)
        )
