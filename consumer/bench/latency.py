"""Turns single uploads to an idle worker into the seconds until their labels are committed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from consumer.bench.service import Service
from consumer.bench.spread import percentile, spread
from consumer.events import TrackLabelled

_LONGEST_PAUSE_SECONDS: Final = 0.3
"""Uploads come at any moment between two flushes; without a pause each would follow on the last one's."""
_STAGES: Final = ("fetch", "decode", "featurize", "score", "wait")


def measure(
    service: Service,
    tracks: Sequence[Path],
    *,
    count: int,
    rng: random.Random,
    on_track: Callable[[str], None] = lambda _name: None,
) -> dict[str, Any]:
    """Upload one track at a time and wait for its label.

    Parameters
    ----------
    service : Service
        Has labelled some tracks: warm, and idle.
    tracks : sequence of Path
        Used in turns.
    count : int
        Uploads, at least 1.
    rng : random.Random
        Draws the pauses between them.
    on_track : callable
        Hears of each that ended.

    Returns
    -------
    dict
        JSON-ready. Seconds run from the call that publishes the event until a read_committed consumer has the
        label. `after_label_seconds` is their end: from the label's `labelled_at` to the reader.
    """
    seconds, after, labels = [], [], list[TrackLabelled]()
    for track in islice(cycle(tracks), count):
        time.sleep(rng.uniform(0.0, _LONGEST_PAUSE_SECONDS))
        run = service.run([track])
        (label,) = run.labels
        labels.append(label)
        seconds.append(run.wall_seconds)
        timing = label.timing
        before = (timing.labelled_at - timing.uploaded_at).total_seconds()
        after.append(max(run.wall_seconds - before, 0.0))
        on_track(track.name)
    return {
        "p50_seconds": percentile(seconds, 50),
        "p95_seconds": percentile(seconds, 95),
        "p99_seconds": percentile(seconds, 99),
        "max_seconds": max(seconds),
        "n": len(seconds),
        "start_seconds": service.worker.start_seconds,
        "after_label_seconds": spread(after),
        "stages": {
            stage: spread([getattr(label.timing, f"{stage}_seconds") for label in labels])
            for stage in _STAGES
        },
    }
