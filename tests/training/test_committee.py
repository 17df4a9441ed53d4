"""A committee computes the mean of its members, in torch and in its graph, and is the same for a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from featurizer.spec import GTZAN57
from modelzoo.registry import Artifact
from modelzoo.scorer import OnnxScorer
from tests.modelzoo.artifacts import GENRES, make_manifest
from training.committee import CommitteeFit, FittedCommittee
from training.errors import DataError
from training.models.kind import Task
from training.recipe import Recipe
from training.windows import LabelledWindows

TASK = Task(genres=GENRES, feature_names=GTZAN57.feature_names)
RECIPE = Recipe(epochs=6, batch_size=32, mixup_alpha=0.2, class_balance=1.0)


def made_up(*, n: int = 240, seed: int = 0) -> LabelledWindows:
    """Make up windows whose genres differ by the level of every feature."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n) % len(GENRES)
    middles = np.exp(targets[:, None] + rng.normal(scale=0.5, size=(n, GTZAN57.width)))
    return LabelledWindows(
        middles.astype(np.float32),
        np.array(GENRES)[targets],
        np.array([f"track {number}" for number in range(n)]),
        np.ones(n, dtype=np.float32),
    )


def fit(*, n_members: int = 3, seed: int = 0, recipe: Recipe = RECIPE) -> FittedCommittee:
    return CommitteeFit(recipe=recipe, n_members=n_members)(
        made_up(), task=TASK, seed=seed, on_progress=lambda _: None
    )


@pytest.fixture(scope="module")
def committee() -> FittedCommittee:
    return fit()


def test_it_learns_to_tell_windows_apart_that_it_has_not_heard(committee: FittedCommittee) -> None:
    heard_first = made_up(seed=1)
    probabilities = committee(heard_first.inputs)
    assert np.mean(probabilities.argmax(axis=1) == heard_first.targets(GENRES)) > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_its_probabilities_are_the_mean_of_its_members(committee: FittedCommittee) -> None:
    inputs = made_up(seed=2).inputs
    members: list[NDArray[np.float32]] = [
        FittedCommittee(
            committee.standardiser,
            tuple(value[index : index + 1] for value in committee.weights),
            tuple(value[index : index + 1] for value in committee.biases),
        )(inputs)
        for index in range(committee.n_members)
    ]
    assert len(members) == 3
    assert np.abs(members[0] - members[1]).max() > 1e-3
    np.testing.assert_allclose(committee(inputs), np.mean(members, axis=0), atol=1e-6)


def test_the_graph_computes_what_the_committee_computes_within_1e_5(committee: FittedCommittee) -> None:
    graph = committee.onnx_bytes()
    scorer = OnnxScorer(Artifact(make_manifest(model=graph), Path("model.onnx"), graph), device="cpu")
    inputs = made_up(n=300, seed=3).inputs * np.float32(3.0)
    inputs[:50] *= np.float32(1e6)
    np.testing.assert_allclose(scorer(inputs), committee(inputs), atol=1e-5)
    np.testing.assert_allclose(scorer(inputs[7:8]), scorer(inputs)[7:8], atol=1e-6)


def test_the_same_seed_gives_the_same_graph_and_another_seed_another(committee: FittedCommittee) -> None:
    torch.manual_seed(99)  # what others draw has no say
    assert fit().onnx_bytes() == committee.onnx_bytes()
    assert fit(seed=1).onnx_bytes() != committee.onnx_bytes()


def test_it_counts_the_weights_of_every_member(committee: FittedCommittee) -> None:
    # 57-256-128-64-3: 14,848 + 32,896 + 8,256 + 195.
    assert committee.n_parameters == 3 * 56_195


def test_no_windows_give_no_probabilities(committee: FittedCommittee) -> None:
    assert committee(np.zeros((0, GTZAN57.width), dtype=np.float32)).shape == (0, len(GENRES))


def test_other_features_are_refused() -> None:
    task = Task(genres=GENRES, feature_names=("loudness", "tempo"))
    with pytest.raises(DataError, match="gtzan57"):
        CommitteeFit(recipe=RECIPE, n_members=1)(made_up(), task=task, seed=0, on_progress=lambda _: None)
