"""Turns librdkafka's statistics into the lag of each partition."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from consumer.jobs import TopicPartition


def lags(
    statistics: str, partitions: Collection[TopicPartition], *, paused: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Read how many records of each partition have not been handed to us yet.

    Where nothing is prefetched, what counts is the next offset to fetch: it is past the transaction markers
    that end the log but never arrive as records, so that a partition that was read to its end has lag 0.
    A pause throws away what was prefetched, which has to be fetched again.

    Parameters
    ----------
    statistics : str
        The JSON of `stats_cb` (librdkafka's STATISTICS.md).
    partitions : Collection
        The assigned ones; the others are left out, as are those whose end is not known yet.
    paused : Collection
        Those of them that are paused.
    """
    topics: dict[str, Any] = json.loads(statistics).get("topics", {})
    found = {}
    for partition in partitions:
        state = topics.get(partition.topic, {}).get("partitions", {}).get(str(partition.partition))
        if state is not None and (lag := _lag(state, is_paused=partition in paused)) is not None:
            found[partition] = lag
    return found


def _lag(state: dict[str, int], *, is_paused: bool) -> int | None:
    end = state["ls_offset"] if state["ls_offset"] >= 0 else state["hi_offset"]
    is_drained = state["fetchq_cnt"] == 0 and not is_paused
    handed_over = state["next_offset"] if is_drained or state["app_offset"] < 0 else state["app_offset"]
    if end < 0 or handed_over < 0:
        return None
    return max(end - handed_over, 0)
