"""Drift is shown of enough tracks, of the right model, and is what the definition says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from consumer.metrics import Metrics
from consumer.model_settings import LEAST_DRIFT_TRACKS
from consumer.rollout.drift import DriftMonitor, RollingShares
from modelzoo.drift import bin_shares, stability_index
from modelzoo.manifest import ConfidenceReference, LabelReference, Manifest
from tests.consumer.rollout.listening import WIDTH, heard
from tests.modelzoo.artifacts import GENRES, make_manifest

RNG = np.random.default_rng(11)
TENTHS = (0.05, *[0.1] * 9, 0.05)
NORMAL_QUANTILES = tuple(np.quantile(RNG.normal(size=200_000), np.linspace(0.05, 0.95, 10)).tolist())


def manifest(*, model: bytes = b"one") -> Manifest:
    """Describe a model that was fitted to normal features and labelled a half of the tracks jazz."""
    base = make_manifest(model=model)
    return base.model_copy(
        update={
            "drift_reference": dict.fromkeys(base.feature_names, NORMAL_QUANTILES),
            "drift_shares": dict.fromkeys(base.feature_names, TENTHS),
            "label_reference": LabelReference(
                shares=dict(zip(GENRES, (0.25, 0.5, 0.15), strict=True)), abstained=0.1, n_tracks=100
            ),
            "confidence_reference": ConfidenceReference(
                edges=(0.5, 0.75), shares=(0.2, 0.3, 0.5), n_tracks=100
            ),
        }
    )


@dataclass
class Stand:
    metrics: Metrics
    monitor: DriftMonitor
    now: float = 0.0

    def psi(self, kind: str, feature: str = "") -> float | None:
        return self.metrics.registry.get_sample_value(
            "genrestream_drift_psi", {"kind": kind, "feature": feature}
        )

    def hear(self, count: int, *, shift: float = 0.0, model: Manifest, **words: str | float | None) -> None:
        for _ in range(count):
            features = RNG.normal(size=(3, WIDTH)).astype(np.float32)
            features[:, 0] += shift
            self.monitor(heard(features, manifest=model, **words))  # type: ignore[arg-type]  # as heard() has them
        self.monitor.show()


@pytest.fixture
def stand() -> Stand:
    metrics = Metrics()
    return Stand(metrics, DriftMonitor(metrics.models, tracks=600, clock=lambda: 0.0))


def test_nothing_is_shown_of_too_few_tracks(stand: Stand) -> None:
    stand.hear(LEAST_DRIFT_TRACKS - 1, model=manifest())
    assert stand.psi("feature", "max") is None
    assert stand.metrics.registry.get_sample_value("genrestream_drift_tracks") == LEAST_DRIFT_TRACKS - 1
    stand.hear(1, model=manifest())
    assert stand.psi("feature", "max") is not None


def test_music_like_that_of_the_training_does_not_drift_and_other_music_does(stand: Stand) -> None:
    model = manifest()
    name = model.feature_names[0]
    stand.hear(600, model=model)
    quiet = stand.psi("feature", "max")
    assert quiet is not None
    assert quiet < 0.05  # 57 features of 1,800 independent windows
    stand.hear(600, model=model, shift=1.0)
    loud, others = stand.psi("feature", name), stand.psi("feature", model.feature_names[1])
    assert loud == stand.psi("feature", "max")
    assert loud is not None
    assert loud > 0.5
    assert others is not None
    assert others < 0.05
    stand.hear(600, model=model)  # the shifted ones have rolled out of sight
    after = stand.psi("feature", name)
    assert after is not None
    assert after < 0.05


def test_labels_and_confidence_are_held_against_their_references(stand: Stand) -> None:
    model = manifest()
    for count, genre in ((150, "blues"), (300, "jazz"), (90, "rock"), (60, None)):
        stand.hear(count, model=model, genre=genre, confidence=0.9)
    assert stand.psi("label") == pytest.approx(0.0, abs=1e-6)
    expected = stability_index(np.array([0.0, 0.0, 1.0]), reference=np.array([0.2, 0.3, 0.5]))
    assert stand.psi("confidence") == pytest.approx(float(expected), rel=1e-6)


def test_another_live_model_begins_anew(stand: Stand) -> None:
    stand.hear(600, model=manifest())
    stand.hear(10, model=manifest(model=b"two"))
    assert stand.psi("label") is None
    assert stand.metrics.registry.get_sample_value("genrestream_drift_tracks") == 10


def test_tracks_of_a_canary_do_not_count(stand: Stand) -> None:
    stand.hear(10, model=manifest(model=b"canary"), role="canary")
    assert stand.metrics.registry.get_sample_value("genrestream_drift_tracks") == 0


def test_a_manifest_without_references_has_no_drift(stand: Stand) -> None:
    stand.hear(600, model=make_manifest())
    assert stand.psi("feature", "max") is None
    assert stand.psi("label") is None


def test_every_track_counts_the_same_however_long_it_is() -> None:
    edges = np.array([[0.0]])
    rolling = RollingShares(2, shape=(1, 2))
    rolling.add(bin_shares(np.full((1_000, 1), -1.0), edges=edges))
    rolling.add(bin_shares(np.full((1, 1), 1.0), edges=edges))
    np.testing.assert_allclose(rolling.mean(), [[0.5, 0.5]])


def test_the_rolling_mean_is_that_of_the_latest_rows() -> None:
    rows = RNG.random((1_000, 4))
    rolling = RollingShares(7, shape=(4,))
    for number, row in enumerate(rows):
        rolling.add(row)
        latest = rows[max(0, number - 6) : number + 1]
        # Rows are kept as float32.
        np.testing.assert_allclose(rolling.mean(), latest.mean(axis=0), atol=1e-6)
    assert len(rolling) == 7
