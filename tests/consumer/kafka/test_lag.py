from __future__ import annotations

import json

import pytest

from consumer.jobs import TopicPartition
from consumer.kafka.lag import lags

HERE = TopicPartition("t", 0)
UNKNOWN = -1001


def _statistics(**state: int) -> str:
    usual = {"ls_offset": 10, "hi_offset": 10, "next_offset": 10, "app_offset": 10, "fetchq_cnt": 0}
    return json.dumps({"topics": {"t": {"partitions": {"0": {**usual, **state}, "-1": {}}}}})


@pytest.mark.parametrize(
    ("state", "lag"),
    [
        ({}, 0),
        ({"app_offset": 4, "next_offset": 8, "fetchq_cnt": 4}, 6),  # prefetched is not handed over
        ({"app_offset": 9, "next_offset": 10}, 0),  # only a transaction's marker is left
        ({"ls_offset": 7, "app_offset": 3, "next_offset": 7, "fetchq_cnt": 4}, 4),  # open transactions hide
        ({"ls_offset": -1, "app_offset": 3, "fetchq_cnt": 1}, 7),  # a broker that tells no stable offset
        ({"app_offset": UNKNOWN, "next_offset": 2}, 8),  # nothing handed over yet
    ],
)
def test_lag_is_what_was_not_handed_over(state: dict[str, int], lag: int) -> None:
    assert lags(_statistics(**state), [HERE], paused=()) == {HERE: lag}


def test_a_paused_partition_lags_by_what_its_pause_threw_away() -> None:
    statistics = _statistics(app_offset=4, next_offset=10)
    assert lags(statistics, [HERE], paused={HERE}) == {HERE: 6}


def test_a_partition_of_unknown_end_and_one_that_is_not_ours_are_left_out() -> None:
    unknown = _statistics(ls_offset=-1, hi_offset=UNKNOWN)
    assert lags(unknown, [HERE], paused=()) == {}
    assert lags(_statistics(), [TopicPartition("t", 1), TopicPartition("u", 0)], paused=()) == {}
    assert lags("{}", [HERE], paused=()) == {}
