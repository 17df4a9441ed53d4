"""A track whose label has settled is heard no further, and still ends exactly once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.errors import DecoderCrashedError
from consumer.events import TrackLabelled, WindowSummary
from consumer.jobs import Completion
from consumer.metrics import Metrics
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.stages import Parts
from tests.consumer.decoding.faults import Faulty
from tests.consumer.pipelines import (
    FakeFeaturizer,
    await_ready,
    job,
    label_all,
    linear_artifact,
    settings_for,
)

pytestmark = pytest.mark.slow  # real child processes


def windows_of(completion: Completion) -> WindowSummary:
    assert isinstance(completion.result, TrackLabelled), completion
    return completion.result.windows


@pytest.fixture(params=["features", "samples"])
def stopping(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline that stops a track when its label was the same and sure three times, on either device."""
    featurizer = FakeFeaturizer() if request.param == "samples" else None
    parts = Parts(work=Faulty(), featurizer=featurizer)
    settings = settings_for(early_stop={"confidence": 0.3})
    with Pipeline(settings, artifact=linear_artifact(tmp_path), metrics=Metrics(), parts=parts) as made:
        yield await_ready(made)


def test_a_track_whose_label_has_settled_is_decoded_no_further(stopping: Pipeline) -> None:
    windows = windows_of(label_all(stopping, [job("until-enough:5000")])[0])
    assert windows.stopped_early
    assert 3 <= windows.count < 2_500
    assert windows.timeline is not None
    assert windows.starts_seconds == tuple(3.0 * number for number in range(1, windows.count + 1))
    assert len(windows.timeline) == windows.count


def test_the_word_that_it_is_enough_loses_and_repeats_no_track(stopping: Pipeline) -> None:
    rng = random.Random(11)
    kinds = [f"ok:{n}" for n in (1, 2, 3, 4, 40)] + [f"until-enough:{n}" for n in (2, 3, 4, 5, 30)]
    uris = [rng.choice([*kinds, "segv:"] if offset % 10 == 0 else kinds) for offset in range(120)]
    ends = label_all(stopping, [job(uri, offset) for offset, uri in enumerate(uris)])
    for offset, uri in enumerate(uris):
        if uri == "segv:":
            assert isinstance(ends[offset].result, DecoderCrashedError)
            continue
        kind, _, most = uri.partition(":")
        windows = windows_of(ends[offset])
        assert windows.count == int(most) if kind == "ok" else 1 <= windows.count <= int(most)
        assert windows.stopped_early or windows.count == int(most)
