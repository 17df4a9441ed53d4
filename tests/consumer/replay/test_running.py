from __future__ import annotations

from consumer.metrics import Metrics
from consumer.replay.progress import ReplayProgress
from consumer.replay.running import ReplayEnd, counts_of


def test_a_process_counts_outcomes_and_skipped_records_by_their_reason() -> None:
    metrics = Metrics()
    for outcome, reason, number in (
        ("labelled", "", 7),
        ("dead_lettered", "not_found", 2),
        ("dead_lettered", "not_audio", 1),
        ("skipped", "superseded", 4),
        ("skipped", "range_end", 1),
    ):
        metrics.tracks.labels(outcome, reason).inc(number)
    assert counts_of(metrics) == {"labelled": 7, "dead_lettered": 3, "superseded": 4, "range_end": 1}


def test_the_end_of_a_process_is_told_apart_from_the_end_of_the_replay() -> None:
    end = ReplayEnd(ReplayProgress(30, 40, 2.0, finished=False), {"labelled": 12})
    assert end.to_json() == {
        "finished": False,
        "done_offsets": 30,
        "total_offsets": 40,
        "this_process": {"labelled": 12},
    }
