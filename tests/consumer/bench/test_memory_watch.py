from __future__ import annotations

import os

from consumer.bench.memory_watch import MemoryWatch, summarize
from consumer.bench.processes import Memory


def test_a_growing_worker_shows_in_quartiles_and_slope() -> None:
    samples = [(10 * number, Memory(pss=1_000 + number, rss=2_000)) for number in range(100)]
    told = summarize(samples)
    assert told["peak_pss_bytes"] == 1_099
    assert told["first_quartile_pss_bytes"] == 1_012
    assert told["last_quartile_pss_bytes"] == 1_087
    assert told["pss_bytes_per_1000_tracks"] == 100
    assert (told["n"], told["tracks"]) == (100, 990)


def test_a_watch_looks_at_once_and_at_the_end_of_each_time_it_is_entered() -> None:
    watch = MemoryWatch(os.getpid(), interval_seconds=60.0)
    for _ in range(2):
        with watch:
            watch.count()
    told = watch.to_json()
    assert told["tracks"] == 2
    assert told["n"] >= 2
    assert told["peak_pss_bytes"] > 1_000_000


def test_nothing_seen_is_told_as_nothing() -> None:
    assert summarize([]) == {"n": 0}
