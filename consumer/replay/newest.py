"""Turns the ids and ranks of a topic's records into the places of the newest record of each track.

A catalogue of 20 million tracks does not fit a dictionary of strings. Here a record takes 16 bytes of digest,
8 of place and its rank, in columns of numpy; records that are superseded are dropped a chunk at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consumer.jobs import TopicPartition

_DIGEST_BYTES: Final = 16
"""At 20 million ids two share a digest of 128 bits with a probability of 1e-24."""
_WORD_BYTES: Final = 8
_SIGN: Final = np.uint64(1 << 63)
_CHUNK: Final = 1 << 18
"""Records gathered, at least, before those that are superseded are dropped."""
_SHARE: Final = 4
"""As many are gathered as a quarter of those that are kept: each drop sorts all of them."""
_EVENT_BITS: Final = 12
_OFFSET_BITS: Final = 40
_PARTITION_BITS: Final = 11

Rank = tuple[int, ...] | bytes
Words = NDArray[np.uint64]


class NewestPerTrack:
    """Finds the newest of many records, track by track, in any order of their coming; one thread.

    The greatest rank wins, and of equal ranks the greatest place. Ranks are tuples of as many integers each,
    between -2**63 and 2**63 - 1, or byte strings of one length, which compare byte by byte.

    Parameters
    ----------
    chunk : int
        Records gathered, at least, before those that are superseded are dropped.
    """

    def __init__(self, *, chunk: int = _CHUNK) -> None:
        self._chunk = self._full_at = chunk
        self._buffer = bytearray()
        self._buffered = 0
        self._rank_length = -1
        self._is_bytes = False
        self._row = struct.Struct("")
        self._kept: list[Words] = []

    def add(self, track_id: str, rank: Rank, place: int) -> None:
        """Note a record; `place` is between 0 and 2**63 - 1, and says where it stands.

        Raises
        ------
        ValueError
            The rank is not of the first one's kind and length, or a number is out of its range.
        """
        if self._rank_length < 0:
            self._learn(rank)
        if place < 0:
            raise ValueError(f"out of range: place={place}")
        if len(rank) != self._rank_length or isinstance(rank, bytes) is not self._is_bytes:
            raise ValueError(f"not a rank as the first: rank={rank!r}")
        digest = blake2b(track_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).digest()
        try:
            if isinstance(rank, bytes):
                self._buffer += self._row.pack(digest, rank, place)
            else:
                self._buffer += self._row.pack(digest, *rank, place)
        except struct.error as exc:
            raise ValueError(f"out of range: rank={rank!r} place={place}") from exc
        self._buffered += 1
        if self._buffered >= self._full_at:
            self._settle()

    def _learn(self, rank: Rank) -> None:
        self._rank_length, self._is_bytes = len(rank), isinstance(rank, bytes)
        # Zeros behind byte strings of one length do not change their order.
        padded = len(rank) + -len(rank) % _WORD_BYTES
        words = f"{len(rank)}s{padded - len(rank)}x" if self._is_bytes else f"{len(rank)}q"
        self._row = struct.Struct(f">{_DIGEST_BYTES}s{words}q")

    def __len__(self) -> int:
        """Give the number of records that are kept, without those that wait to be looked at."""
        return len(self._kept[0]) if self._kept else 0

    def places(self) -> NDArray[np.int64]:
        """Give the places of the newest record of each track, sorted, int64, one a track."""
        self._settle()
        if not self._kept:
            return np.empty(0, np.int64)
        places: NDArray[np.int64] = np.sort(self._kept[-1]).astype(np.int64)
        return places

    def _settle(self) -> None:
        if not self._buffered:
            return
        width = self._row.size // _WORD_BYTES
        rows = np.frombuffer(bytes(self._buffer), ">u8").reshape(self._buffered, width)
        self._buffer, self._buffered = bytearray(), 0
        columns = [rows[:, number].astype(np.uint64) for number in range(width)]
        del rows
        if not self._is_bytes:
            for column in columns[_DIGEST_BYTES // _WORD_BYTES : -1]:
                np.bitwise_xor(column, _SIGN, out=column)  # negative numbers first, as unsigned ones
        if self._kept:
            # One column after the other, so that no more than one stands there twice.
            columns = [np.concatenate((self._kept.pop(0), columns.pop(0))) for _ in range(width)]
        keep = _newest(columns)
        self._kept = [columns.pop(0)[keep] for _ in range(width)]
        self._full_at = max(self._chunk, len(self) // _SHARE)


def _newest(columns: list[Words]) -> NDArray[np.int64]:
    """Give the row of the greatest rank and place of each digest.

    Most tracks have one record: only rows that share their first word with another are compared in full.
    """
    order = np.argsort(columns[0])
    first = columns[0][order]
    same = first[1:] == first[:-1]
    shared = np.zeros(len(first), bool)
    shared[1:] = same
    shared[:-1] |= same
    alone, rivals = order[~shared], order[shared]
    # lexsort takes the last key for the most important.
    rivals = rivals[np.lexsort([column[rivals] for column in reversed(columns)])]
    last = np.ones(len(rivals), bool)
    last[:-1] = (columns[0][rivals[1:]] != columns[0][rivals[:-1]]) | (
        columns[1][rivals[1:]] != columns[1][rivals[:-1]]
    )
    return np.concatenate((alone, rivals[last]))


class Places:
    """Numbers the events of a replay, so that one integer says partition, offset and event.

    Parameters
    ----------
    starts : Mapping of TopicPartition to int
        The partitions, each with the first offset that may come.

    Raises
    ------
    ValueError
        There are more than 2,048 partitions.
    """

    def __init__(self, starts: Mapping[TopicPartition, int]) -> None:
        if len(starts) > 1 << _PARTITION_BITS:
            raise ValueError(f"too many partitions for one replay: {len(starts)}")
        self._starts = dict(sorted(starts.items()))
        self._numbers = {partition: number for number, partition in enumerate(self._starts)}

    def place(self, partition: TopicPartition, offset: int, *, event_index: int = 0) -> int:
        """Give the place of an event; greater for a greater offset of the same partition.

        Raises
        ------
        ValueError
            The offset lies before the partition's start or too far behind it, or a record has more than
            4,096 events.
        """
        distance = offset - self._starts[partition]
        if not 0 <= distance < 1 << _OFFSET_BITS or not 0 <= event_index < 1 << _EVENT_BITS:
            raise ValueError(f"no such place: {partition} offset={offset} event={event_index}")
        number = self._numbers[partition] << _OFFSET_BITS | distance
        return number << _EVENT_BITS | event_index


class Chosen:
    """The places that were chosen, asked one by one.

    Parameters
    ----------
    places : ndarray, int64, sorted
        As `NewestPerTrack.places` gives them; kept, not copied.
    """

    def __init__(self, places: NDArray[np.int64]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def count(self, start: int, stop: int) -> int:
        """Count those from `start` on, without `stop`."""
        return int(self._places.searchsorted(stop) - self._places.searchsorted(start))

    def among(self, places: Sequence[int]) -> list[bool]:
        """Tell of each of some places whether it was chosen: a third of the time of asking one by one."""
        if not len(self._places):
            return [False] * len(places)
        asked = np.array(places, np.int64)
        found = np.minimum(self._places.searchsorted(asked), len(self._places) - 1)
        answers: list[bool] = (self._places[found] == asked).tolist()
        return answers

    def __contains__(self, place: int) -> bool:
        index = int(self._places.searchsorted(place))
        return index < len(self._places) and int(self._places[index]) == place
