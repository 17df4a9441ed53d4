"""Beside a GPU the pipeline gives the labels that it gives on a CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.config import Settings
from consumer.events import TrackLabelled
from consumer.metrics import Metrics
from consumer.pipeline.pipeline import Pipeline
from consumer.pipeline.placement import parent_featurizer
from featurizer.errors import DeviceUnavailableError
from featurizer.spec import GTZAN57
from modelzoo.registry import DEFAULT_MODEL, Registry
from tests.audio import encode, music
from tests.consumer.pipelines import await_ready, job, label_all, settings_for

pytestmark = pytest.mark.gpu

N_TRACKS = 24


@pytest.fixture(autouse=True, scope="module")
def needs_gpu() -> None:
    try:
        featurizer = parent_featurizer("cuda", spec=GTZAN57)
    except DeviceUnavailableError as exc:
        pytest.skip(str(exc))
    if featurizer is not None:
        featurizer.close()


def labels(settings: Settings, root: Path) -> dict[int, TrackLabelled]:
    artifact = Registry().load(DEFAULT_MODEL)
    with Pipeline(settings, artifact=artifact, metrics=Metrics()) as pipeline:
        assert pipeline.describe()["featurizer"] == settings.worker.device
        ends = label_all(
            await_ready(pipeline),
            [job((root / f"{index}.flac").as_uri(), index) for index in range(N_TRACKS)],
        )
    results = {offset: completion.result for offset, completion in ends.items()}
    return {offset: result for offset, result in results.items() if isinstance(result, TrackLabelled)}


def test_labels_agree_with_the_cpus(tmp_path: Path) -> None:
    for index in range(N_TRACKS):
        samples = music(6.0 + index % 5, 22_050, seed=index)
        encode(samples, 22_050, codec="flac", path=tmp_path / f"{index}.flac")
    fetch = {"file_roots": [str(tmp_path)]}
    on_gpu = labels(settings_for(worker={"device": "cuda"}, fetch=fetch), tmp_path)
    on_cpu = labels(settings_for(worker={"device": "cpu"}, fetch=fetch), tmp_path)
    assert len(on_gpu) == len(on_cpu) == N_TRACKS
    for index, label in on_gpu.items():
        assert label.genre == on_cpu[index].genre
        assert label.confidence == pytest.approx(on_cpu[index].confidence, abs=2e-3)
