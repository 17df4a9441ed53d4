"""Every job ends as one completion, whatever its child suffers, and nothing outlives the pipeline."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import Empty

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.errors import (
    DecoderCrashedError,
    DecodersUnavailableError,
    TrackDeadlineError,
    UnexpectedError,
)
from consumer.events import TrackLabelled
from consumer.jobs import TopicPartition
from consumer.metrics import STAGES, Metrics
from consumer.pipeline.casting import place_of
from consumer.pipeline.heard import HeardTrack
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.stages import Parts
from tests.consumer.decoding.faults import Faulty
from tests.consumer.decoding.processes import alive, eventually
from tests.consumer.pipelines import (
    FakeFeaturizer,
    await_ready,
    job,
    label_all,
    linear_artifact,
    settings_for,
    take,
)
from tests.paths import REPOSITORY

pytestmark = pytest.mark.slow  # real child processes


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(scope="module")
def pipeline(metrics: Metrics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """One pipeline for many tests: that it goes on working is the point."""
    artifact = linear_artifact(tmp_path_factory.mktemp("models"))
    settings = settings_for(worker={"device": "cpu", "max_in_flight": 8})
    with Pipeline(settings, artifact=artifact, metrics=metrics, parts=Parts(work=Faulty())) as shared:
        yield await_ready(shared)


def label_of(completion: object) -> TrackLabelled:
    result = getattr(completion, "result", None)
    assert isinstance(result, TrackLabelled), completion
    return result


def test_a_track_is_labelled_with_all_its_windows_and_its_seconds(pipeline: Pipeline) -> None:
    label = label_of(label_all(pipeline, [job("ok:3", declared_genre="Hip-Hop")])[0])
    assert label.windows.count == 3
    assert label.windows.timeline is not None
    assert len(label.windows.timeline) == 3
    assert label.audio.duration_seconds == 9.0
    assert label.declared is not None
    assert label.declared.agrees is None  # the small model does not know it
    timing = label.timing
    spent = (
        timing.fetch_seconds
        + timing.decode_seconds
        + timing.featurize_seconds
        + timing.score_seconds
        + timing.wait_seconds
    )
    assert spent == pytest.approx((timing.labelled_at - timing.started_at).total_seconds(), abs=0.05)


def test_many_jobs_of_every_kind_end_once_each_and_the_good_are_labelled(pipeline: Pipeline) -> None:
    rng = random.Random(5)
    faults = ["segv:", "exit:1", "strange:", "not-audio:"]
    uris = [rng.choice(["ok:1", "ok:2", "slow:0.01"]) for _ in range(196)] + faults
    rng.shuffle(uris)
    ends = label_all(pipeline, [job(uri, offset) for offset, uri in enumerate(uris)])
    for offset, uri in enumerate(uris):
        assert isinstance(ends[offset].result, TrackLabelled) == (uri not in faults), (uri, ends[offset])


def test_a_full_completion_queue_stops_no_work_and_loses_nothing(pipeline: Pipeline) -> None:
    count = pipeline.completions.maxsize + 20
    for offset in range(count):
        pipeline.submit(job("ok:1", offset))
    assert eventually(pipeline.completions.full)
    assert len(take(pipeline, count)) == count


def test_cancelled_jobs_are_named_and_end_no_more(pipeline: Pipeline) -> None:
    other = TopicPartition("track-uploads", 7)
    jobs = [job("slow:0.3", 0), job("slow:0.3", 1)]
    jobs += [job("ok:1", 2), job("ok:1", 3, partition=other), job("ok:1", 4, epoch=2)]
    for one in jobs:
        pipeline.submit(one)
    assert eventually(lambda: pipeline.waiting <= 3)
    cancelled = pipeline.cancel(jobs[0].ticket.topic_partition, epoch=1)
    assert [ticket.offset for ticket in cancelled] == [2]
    assert set(take(pipeline, 4)) == {0, 1, 3, 4}
    with pytest.raises(Empty):
        pipeline.completions.get(timeout=0.1)


def test_a_job_that_waits_past_its_deadline_ends_for_that_reason(pipeline: Pipeline) -> None:
    ends = label_all(pipeline, [job("slow:0.6", 0), job("slow:0.6", 1), job("ok:1", 2, seconds=0.05)])
    assert isinstance(ends[2].result, TrackDeadlineError)
    assert isinstance(ends[0].result, TrackLabelled)


def test_a_track_keeps_the_model_that_it_started_with(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.submit(job("slow:0.2", 0))
    pipeline.use_model(linear_artifact(tmp_path, version="2.0.0"))
    pipeline.submit(job("ok:1", 1))
    ends = take(pipeline, 2)
    assert label_of(ends[0]).model.version == "1.0.0"
    assert label_of(ends[1]).model.version == "2.0.0"


def test_a_canary_labels_its_own_tracks_and_an_onlooker_hears_of_all(
    pipeline: Pipeline, metrics: Metrics, tmp_path: Path
) -> None:
    told: list[HeardTrack] = []
    pipeline.listen(told.append)
    pipeline.use_canary(linear_artifact(tmp_path, version="3.0.0"), share=0.5)
    try:
        ends = label_all(pipeline, [job("ok:2", offset) for offset in range(20)])
    finally:
        pipeline.use_canary(linear_artifact(tmp_path / "off", version="3.0.1"), share=0.0)
    labels = [label_of(end) for end in ends.values()]
    of_canary = {label.track_id for label in labels if label.model.version == "3.0.0"}
    assert of_canary == {f"track-{offset}" for offset in range(20) if place_of(f"track-{offset}") < 0.5}
    assert 0 < len(of_canary) < 20
    assert {track.label.track_id for track in told if track.role == "canary"} == of_canary
    assert len(told) == 20
    assert {track.features.shape for track in told} == {(2, 57)}
    of = {"role": "canary", "name": "linear", "version": "3.0.0", "status": "labelled"}
    assert metrics.registry.get_sample_value("genrestream_model_tracks_total", of) == len(of_canary)


def test_the_machines_work_is_counted(pipeline: Pipeline, metrics: Metrics) -> None:
    def value(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(f"genrestream_{name}", labels) or 0.0

    before = {name: value(name) for name in ("windows_total", "audio_seconds_total", "fetched_bytes_total")}
    stages = [stage for stage in STAGES if stage not in ("publish", "end_to_end")]
    counts = {stage: value("stage_seconds_count", stage=stage) for stage in stages}
    retries = value("fetch_retries_total", reason="timeout")
    label_all(pipeline, [job("ok:4", 0)])
    assert value("windows_total") - before["windows_total"] == 4
    assert value("audio_seconds_total") - before["audio_seconds_total"] == 12.0
    assert value("fetched_bytes_total") - before["fetched_bytes_total"] == 1_000
    assert {
        stage: value("stage_seconds_count", stage=stage) - counts[stage] for stage in stages
    } == dict.fromkeys(stages, 1.0)
    assert value("stage_cpu_seconds_total", stage="score") > 0
    assert value("decoders") == 2
    label_all(pipeline, [job("retried:", 0)])
    assert value("fetch_retries_total", reason="timeout") - retries == 1


@pytest.fixture
def shared_memory(tmp_path: Path) -> Iterator[tuple[Pipeline, FakeFeaturizer]]:
    """A pipeline whose children share samples and whose own process featurizes, as on a GPU."""
    featurizer = FakeFeaturizer(poison={5.0})
    parts = Parts(work=Faulty(), featurizer=featurizer)
    settings = settings_for(batch={"max_windows": 256, "max_wait_seconds": 0.05})
    with Pipeline(settings, artifact=linear_artifact(tmp_path), metrics=Metrics(), parts=parts) as made:
        yield await_ready(made), featurizer
    assert featurizer.closed


def test_samples_of_many_tracks_share_batches_and_one_bad_track_fails_alone(
    pipeline: Pipeline, shared_memory: tuple[Pipeline, FakeFeaturizer]
) -> None:
    through_memory, featurizer = shared_memory
    # A track's sixth window is poison to this featurizer; the memory of those that follow must be freed.
    uris = ["ok:40", "ok:40", "ok:3", "ok:5", "segv:", "ok:2", "ok:4"]
    ends = label_all(through_memory, [job(uri, offset) for offset, uri in enumerate(uris)])
    assert isinstance(ends[0].result, UnexpectedError)
    assert isinstance(ends[1].result, UnexpectedError)
    assert isinstance(ends[4].result, DecoderCrashedError)
    in_children = label_all(pipeline, [job(uri, offset) for offset, uri in enumerate(uris)])
    for offset in (2, 3, 5, 6):
        assert label_of(ends[offset]).genres == label_of(in_children[offset]).genres
        assert label_of(ends[offset]).windows == label_of(in_children[offset]).windows
    assert max(featurizer.batch_sizes) > 1


class StuckFeaturizer(FakeFeaturizer):
    """A device that accepts windows and never answers."""

    def submit(self, windows: NDArray[np.float32]) -> Future[NDArray[np.float32]]:
        return Future()


def test_a_track_that_a_device_never_answers_for_ends_at_its_deadline(tmp_path: Path) -> None:
    parts = Parts(work=Faulty(), featurizer=StuckFeaturizer())
    artifact = linear_artifact(tmp_path)
    with Pipeline(settings_for(), artifact=artifact, metrics=Metrics(), parts=parts) as pipeline:
        await_ready(pipeline)
        ends = label_all(pipeline, [job("ok:1", seconds=0.5)])
        assert isinstance(ends[0].result, TrackDeadlineError)


def test_children_that_cannot_start_stop_the_pipeline_with_the_reason(tmp_path: Path) -> None:
    parts = Parts(work=Faulty("raise"))
    pipeline = Pipeline(settings_for(), artifact=linear_artifact(tmp_path), metrics=Metrics(), parts=parts)

    def goes_on() -> bool:
        pipeline.check()
        return False

    with pytest.raises(DecodersUnavailableError, match="libfault"):
        eventually(goes_on)
    assert not pipeline.ready
    pipeline.close()


def test_closing_with_work_in_flight_is_quick_and_leaves_nothing(tmp_path: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    parts = Parts(work=Faulty(), featurizer=FakeFeaturizer())
    pipeline = Pipeline(settings_for(), artifact=linear_artifact(tmp_path), metrics=Metrics(), parts=parts)
    await_ready(pipeline)
    pids = pipeline.pids
    for offset, uri in enumerate(["hang:", "hang-in-c:", "ok:1"]):
        pipeline.submit(job(uri, offset))
    assert eventually(lambda: pipeline.waiting == 1)
    started = time.monotonic()
    pipeline.close()
    assert time.monotonic() - started < 5.0
    assert not alive(pids)
    with pytest.raises(RuntimeError, match="closed"):
        pipeline.submit(job("ok:1", 9))
    gc.collect()  # shared memory goes when the last array over it does
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(REPOSITORY)!r})
from consumer.metrics import Metrics
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.stages import Parts
from tests.consumer.decoding.faults import Faulty
from tests.consumer.pipelines import await_ready, job, linear_artifact, settings_for
artifact = linear_artifact(Path({str(tmp_path)!r}))
pipeline = Pipeline(settings_for(), artifact=artifact, metrics=Metrics(), parts=Parts(work=Faulty()))
await_ready(pipeline)
pipeline.submit(job("hang-in-c:", 0))
while pipeline.waiting:
    time.sleep(0.01)
print(*pipeline.pids, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        assert alive(pids) == pids
        os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(pids), seconds=5.0)
