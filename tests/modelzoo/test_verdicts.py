"""Many tracks decided at once are each decided as if they were alone, to the last bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelzoo.aggregate import decide
from modelzoo.manifest import Manifest
from modelzoo.verdicts import decide_many
from tests.modelzoo.artifacts import make_manifest

GENRES = tuple(f"genre-{letter}" for letter in "abcdefghij")


def _manifest() -> Manifest:
    manifest = make_manifest(threshold=0.4)
    first = manifest.calibration[0]
    buckets = tuple(
        first.model_copy(update={"min_windows": n, "temperature": t})
        for n, t in ((1, 2.1), (4, 1.3), (9, 0.7))
    )
    return manifest.model_copy(update={"genres": GENRES, "calibration": buckets})


MANIFEST = _manifest()


def _windows(lengths: list[int], *, sharpness: float, seed: int) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(size=(sum(lengths), len(GENRES))) * sharpness
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _assert_equal_to_decide(probabilities: NDArray[np.float32], lengths: list[int]) -> None:
    verdicts = decide_many(probabilities, lengths, MANIFEST)
    assert verdicts.valid.all()
    pieces = np.split(probabilities, np.cumsum(lengths)[:-1])
    for track, piece in enumerate(pieces):
        expected = decide(piece, MANIFEST)
        found = tuple(
            (GENRES[index], float(verdicts.calibrated[track, index])) for index in verdicts.order[track]
        )
        assert found == expected.genres
        assert verdicts.confidence[track] == expected.confidence
        assert bool(verdicts.abstains[track]) is (expected.genre is None)
        assert verdicts.agreement[track] == expected.agreement
    assert verdicts.window_tops.tolist() == probabilities.argmax(axis=1).tolist()


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 14), min_size=1, max_size=40),
    sharpness=st.sampled_from([0.1, 1.0, 5.0, 25.0, 80.0]),
    seed=st.integers(0, 2**32),
)
def test_each_verdict_is_bit_for_bit_the_one_of_the_track_alone(
    lengths: list[int], sharpness: float, seed: int
) -> None:
    _assert_equal_to_decide(_windows(lengths, sharpness=sharpness, seed=seed), lengths)


def test_very_long_tracks_are_decided_alike() -> None:
    lengths = [3, 1_200, 1, 513, 512, 511]
    _assert_equal_to_decide(_windows(lengths, sharpness=8.0, seed=1), lengths)


def test_genres_that_tie_keep_their_order() -> None:
    tied = np.full((4, len(GENRES)), 0.1, dtype=np.float32)
    _assert_equal_to_decide(tied, [1, 3])


def test_sums_at_the_edge_of_a_rounding_are_rounded_as_fsum_does() -> None:
    # 1 + 2**-53 lies half-way between two doubles: what decides is the third term, far below both.
    rows = np.zeros((3, len(GENRES)), dtype=np.float32)
    rows[:, 0] = 1.0, 2.0**-53, 2.0**-120
    rows[:, 1] = 1.0, 2.0**-53, 0.0
    _assert_equal_to_decide(rows, [3])


def test_a_track_without_probabilities_is_named_and_spoils_no_other() -> None:
    lengths = [2, 3, 1]
    windows = _windows(lengths, sharpness=2.0, seed=3)
    expected = decide_many(windows, lengths, MANIFEST)
    spoilt = windows.copy()
    spoilt[3, 2], spoilt[3, 4] = np.nan, 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = decide_many(spoilt, lengths, MANIFEST)
    assert found.valid.tolist() == [True, False, True]
    assert found.confidence[[0, 2]].tolist() == expected.confidence[[0, 2]].tolist()


def test_no_tracks_give_no_verdicts() -> None:
    assert len(decide_many(np.empty((0, len(GENRES)), np.float32), [], MANIFEST).valid) == 0


@pytest.mark.parametrize("lengths", [[2, 2], [5], [3, 0], []])
def test_lengths_that_are_not_the_windows_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="windows of every track"):
        decide_many(np.full((3, len(GENRES)), 0.1, np.float32), lengths, MANIFEST)


def test_probabilities_of_other_genres_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 10 genres"):
        decide_many(np.full((3, 4), 0.25, np.float32), [3], MANIFEST)
