"""Pooling ignores the order of windows, a temperature never changes the label, and doubt is not labelled."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelzoo.aggregate import LOW_CONFIDENCE, decide, soft_vote
from tests.modelzoo.artifacts import GENRES, make_manifest

Windows = NDArray[np.float32]


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    # Drawn by seed: hundreds of floats a case would take hypothesis seconds.
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.sampled_from((0.0, 0.1, 3.0, 50.0)))
    logits = sharpness * rng.normal(size=(draw(st.integers(1, 12)), len(GENRES)))
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def rows(*lines: tuple[float, float, float]) -> Windows:
    return np.array(lines, dtype=np.float32)


@given(windows())
def test_pooled_and_calibrated_probabilities_sum_to_one(probabilities: Windows) -> None:
    assert soft_vote(probabilities).sum() == pytest.approx(1.0, abs=1e-12)
    verdict = decide(probabilities, make_manifest(temperatures=((1, 0.4), (3, 1.7))))
    shares = [share for _, share in verdict.genres]
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert all(0.0 <= share <= 1.0 for share in shares)


@given(windows(), st.randoms(use_true_random=False))
def test_the_order_of_windows_changes_nothing_at_all(probabilities: Windows, random: Random) -> None:
    order = list(range(len(probabilities)))
    random.shuffle(order)
    manifest = make_manifest(temperatures=((1, 1.3),), threshold=0.5)
    assert decide(probabilities[order], manifest) == decide(probabilities, manifest)


@given(windows(), st.floats(0.05, 20.0))
def test_a_temperature_never_changes_the_order_of_genres(probabilities: Windows, temperature: float) -> None:
    plain = decide(probabilities, make_manifest())
    heated = decide(probabilities, make_manifest(temperatures=((1, temperature),)))
    assert [genre for genre, _ in heated.genres] == [genre for genre, _ in plain.genres]
    assert heated.genre == plain.genre
    shares = np.array([share for _, share in heated.genres])
    assert np.all(np.diff(shares) <= 1e-12)


@given(windows(), st.floats(1.0, 20.0))
def test_more_heat_is_less_confidence(probabilities: Windows, temperature: float) -> None:
    plain = decide(probabilities, make_manifest())
    heated = decide(probabilities, make_manifest(temperatures=((1, temperature),)))
    assert heated.confidence <= plain.confidence + 1e-12


@given(windows(), st.floats(0.0, 1.0))
def test_it_labels_exactly_from_the_threshold_on(probabilities: Windows, threshold: float) -> None:
    verdict = decide(probabilities, make_manifest(threshold=threshold))
    assert (verdict.genre is not None) == (verdict.confidence >= threshold)
    assert verdict.abstain_reason == (LOW_CONFIDENCE if verdict.genre is None else None)
    assert verdict.confidence == verdict.genres[0][1]


def test_a_track_at_the_threshold_is_labelled_and_just_below_it_is_not() -> None:
    probabilities = rows((0.5, 0.25, 0.25))
    at = decide(probabilities, make_manifest(threshold=0.5))
    below = decide(probabilities, make_manifest(threshold=0.500001))
    assert (at.genre, at.abstain_reason) == ("blues", None)
    assert (below.genre, below.abstain_reason) == (None, "low_confidence")
    assert below.confidence == pytest.approx(0.5)


def test_a_temperature_of_two_takes_the_square_root_of_the_odds() -> None:
    verdict = decide(rows((0.8, 0.2, 0.0)), make_manifest(temperatures=((1, 2.0),)))
    assert verdict.genres[0][1] / verdict.genres[1][1] == pytest.approx(2.0)


def test_the_number_of_windows_picks_the_temperature() -> None:
    manifest = make_manifest(temperatures=((1, 1.0), (2, 4.0)))
    one = decide(rows((0.8, 0.1, 0.1)), manifest)
    two = decide(rows((0.8, 0.1, 0.1), (0.8, 0.1, 0.1)), manifest)
    assert one.confidence == pytest.approx(0.8)
    assert two.confidence < 0.5


def test_agreement_is_the_share_of_windows_that_would_say_the_same() -> None:
    verdict = decide(
        rows((0.8, 0.1, 0.1), (0.4, 0.5, 0.1), (0.7, 0.2, 0.1), (0.1, 0.2, 0.7)), make_manifest()
    )
    assert verdict.genre == "blues"
    assert verdict.agreement == 0.5


def test_genres_are_sorted_and_ties_keep_the_manifests_order() -> None:
    verdict = decide(rows((0.3, 0.3, 0.4)), make_manifest())
    assert [genre for genre, _ in verdict.genres] == ["rock", "blues", "jazz"]


@pytest.mark.parametrize(
    "wrong",
    [
        np.empty((0, 3), dtype=np.float32),
        np.full(3, 0.3, dtype=np.float32),
        rows((np.nan, 0.5, 0.5)),
        rows((-0.5, 1.0, 0.5)),
        np.full((2, 4), 0.25, dtype=np.float32),
    ],
)
def test_what_are_no_probabilities_of_a_track_is_refused(wrong: Windows) -> None:
    with pytest.raises(ValueError, match="expected"):
        decide(wrong, make_manifest())


def test_not_even_the_last_bit_depends_on_the_order_of_two_thousand_windows() -> None:
    # From 1e-12 to 1: a plain sum of such numbers rounds differently in every order.
    rng = np.random.default_rng(0)
    probabilities = (10.0 ** rng.uniform(-12.0, 0.0, size=(2_000, len(GENRES)))).astype(np.float32)
    expected = soft_vote(probabilities)
    for _ in range(5):
        assert np.array_equal(soft_vote(rng.permutation(probabilities)), expected)
