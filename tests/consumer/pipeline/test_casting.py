"""A track is on the same side of a canary everywhere and always, and models change one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from consumer.metrics import Metrics
from consumer.pipeline.casting import Casting, place_of
from modelzoo.errors import ArtifactCorruptError
from modelzoo.registry import Registry
from tests.consumer.pipelines import linear_artifact
from tests.modelzoo.artifacts import write_model

IDS = [f"track-{number}" for number in range(4_000)]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def casting(tmp_path: Path, metrics: Metrics) -> Casting:
    return Casting(linear_artifact(tmp_path / "live"), device="cpu", metrics=metrics)


def versions(casting: Casting) -> dict[str, str]:
    return {track_id: casting.choose(track_id)[0].manifest.version for track_id in IDS}


def test_a_tracks_place_never_changes() -> None:
    # Written down: another release must not move the tracks of a running canary.
    assert place_of("track-1") == pytest.approx(0.13350221481620028, abs=1e-15)
    assert place_of("\udcff") == place_of("\udcff")  # whatever a producer made of an id


def test_places_are_spread_evenly() -> None:
    # 4,000 even draws: the share below any point is off by 0.026 at most in 99 of 100 (Kolmogorov-Smirnov).
    places = sorted(place_of(track_id) for track_id in IDS)
    assert max(abs(place - number / len(places)) for number, place in enumerate(places)) < 0.026


def test_all_tracks_are_the_live_models_without_a_canary(casting: Casting) -> None:
    assert {casting.choose(track_id)[1] for track_id in IDS} == {"live"}


def test_a_canary_has_its_share_and_a_greater_share_keeps_its_tracks(
    casting: Casting, tmp_path: Path
) -> None:
    artifact = linear_artifact(tmp_path / "canary", version="2.0.0")
    shares = {}
    for share in (0.0, 0.05, 0.2, 1.0):
        casting.use_canary(artifact, share=share)
        shares[share] = {track_id for track_id, version in versions(casting).items() if version == "2.0.0"}
    assert not shares[0.0]
    assert shares[0.05] < shares[0.2] < shares[1.0] == set(IDS)
    assert len(shares[0.2]) / len(IDS) == pytest.approx(0.2, abs=0.02)


def test_another_live_model_leaves_the_canarys_tracks_to_it(casting: Casting, tmp_path: Path) -> None:
    casting.use_canary(linear_artifact(tmp_path / "canary", version="2.0.0"), share=0.5)
    before = versions(casting)
    casting.use_live(linear_artifact(tmp_path / "next", version="1.5.0"))
    after = versions(casting)
    assert {before[track_id] for track_id in IDS if after[track_id] == "2.0.0"} == {"2.0.0"}
    assert set(after.values()) == {"1.5.0", "2.0.0"}


def test_a_model_that_cannot_be_run_changes_nothing(
    casting: Casting, tmp_path: Path, metrics: Metrics
) -> None:
    write_model(tmp_path / "bad", version="3.0.0", model=b"no graph")
    bad = Registry(tmp_path / "bad").load("linear", version="3.0.0")
    with pytest.raises(ArtifactCorruptError):
        casting.use_live(bad)
    with pytest.raises(ArtifactCorruptError):
        casting.use_canary(bad, share=1.0)
    assert set(versions(casting).values()) == {"1.0.0"}


def test_metrics_show_who_has_a_role_and_no_longer_who_had_it(
    casting: Casting, tmp_path: Path, metrics: Metrics
) -> None:
    casting.use_live(linear_artifact(tmp_path / "next", version="1.5.0"))
    samples = [
        sample.labels
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "genrestream_model_in_use"
    ]
    assert [(labels["role"], labels["version"]) for labels in samples] == [("live", "1.5.0")]
    assert casting.live.version == "1.5.0"
