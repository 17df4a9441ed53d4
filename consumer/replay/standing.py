"""Turns the current labels of a catalogue into a table in memory that a dry run looks tracks up in.

A row takes 53 bytes and two more for each genre: a dictionary of labels would not hold 20 million tracks.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consumer.events import TrackLabelled
from consumer.replay.selection import microseconds

_DIGEST_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ROW: Final = struct.Struct(f"<{_DIGEST_BYTES}sqdQIIIB")
_FIRST_WORDS: Final = np.dtype([("first", "<u8"), ("rest", f"V{_ROW.size - 8}")])
_STEPS: Final = 65_535
"""Shares are kept in 16 bits: to 8e-6, and they only rank the tracks that changed most."""
_Name = TypeVar("_Name")
_AGREES: Final[tuple[bool | None, ...]] = (None, False, True)


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says about a track.

    Attributes
    ----------
    genre : str or None
        The label; null where the model abstains.
    confidence : float, in [0, 1]
        Of the most probable genre, calibrated.
    shares : Mapping of str to float
        Probability of each genre.
    model, version : str
        Who said it.
    uploaded_at : datetime
        Of the upload that it is about.
    agrees : bool or None
        Whether the label is what the publisher declared; null where that cannot be said.
    """

    genre: str | None
    confidence: float
    shares: Mapping[str, float]
    model: str
    version: str
    uploaded_at: datetime
    agrees: bool | None = None


def opinion_of(label: TrackLabelled) -> Opinion:
    """Give what a label says."""
    return Opinion(
        genre=label.genre,
        confidence=label.confidence,
        shares={share.genre: share.probability for share in label.genres},
        model=label.model.name,
        version=label.model.version,
        uploaded_at=label.timing.uploaded_at,
        agrees=label.declared.agrees if label.declared else None,
    )


class StandingLabels:
    """The label that each track has now: add all, then look up; one thread."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._shares = bytearray()
        self._genres: dict[str | None, int] = {None: 0}
        self._models: dict[tuple[str, str], int] = {}
        self._layouts: dict[tuple[str, ...], int] = {}
        self._names: tuple[list[str | None], list[tuple[str, str]], list[tuple[str, ...]]] = ([], [], [])
        self._order: NDArray[np.int64] | None = None
        self._first = np.empty(0, np.uint64)

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def add(self, track_id: str, opinion: Opinion) -> None:
        """Note a track's current label; each track once."""
        genres = sorted(opinion.shares)
        shares = np.array([opinion.shares[genre] for genre in genres], np.float64)
        self._rows += _ROW.pack(
            _digest(track_id),
            microseconds(opinion.uploaded_at),
            opinion.confidence,
            len(self._shares),
            _number(opinion.genre, self._genres),
            _number((opinion.model, opinion.version), self._models),
            _number(tuple(genres), self._layouts),
            _AGREES.index(opinion.agrees),
        )
        self._shares += np.rint(shares * _STEPS).astype("<u2").tobytes()
        self._order = None

    def find(self, track_id: str) -> Opinion | None:
        """Give a track's current label; None where it has none."""
        if self._order is None:
            self._order = self._sort()
        digest = _digest(track_id)
        index = int(self._first.searchsorted(np.frombuffer(digest[:8], "<u8")[0]))
        while index < len(self._first):
            row = _ROW.unpack_from(self._rows, int(self._order[index]) * _ROW.size)
            if row[0] == digest:
                return self._opinion(row)
            if row[0][:8] != digest[:8]:
                break
            index += 1
        return None

    def _sort(self) -> NDArray[np.int64]:
        first = np.frombuffer(self._rows, _FIRST_WORDS)["first"].copy()  # a view would hold the rows fast
        order = np.argsort(first)
        self._first = first[order]
        self._names = (list(self._genres), list(self._models), list(self._layouts))
        return order

    def _opinion(self, row: tuple[bytes, int, float, int, int, int, int, int]) -> Opinion:
        _, uploaded_at, confidence, at, genre, model, layout, agrees = row
        genres, models, layouts = self._names
        names = layouts[layout]
        shares = np.frombuffer(self._shares, "<u2", count=len(names), offset=at) / _STEPS
        return Opinion(
            genre=genres[genre],
            confidence=confidence,
            shares=dict(zip(names, shares.tolist(), strict=True)),
            model=models[model][0],
            version=models[model][1],
            uploaded_at=_EPOCH + timedelta(microseconds=uploaded_at),
            agrees=_AGREES[agrees],
        )


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Give the total variation distance of two distributions, in [0, 1]: 1 where they share nothing."""
    whole = sum(abs(one.get(genre, 0.0) - other.get(genre, 0.0)) for genre in one.keys() | other.keys())
    return min(whole / 2, 1.0)


def _number(name: _Name, numbers: dict[_Name, int]) -> int:
    return numbers.setdefault(name, len(numbers))


def _digest(track_id: str) -> bytes:
    return blake2b(track_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
