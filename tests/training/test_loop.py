"""The training loop weighs, mixes and balances rows as its recipe says, and learns from probabilities too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.loop import Lesson, balanced, learn
from training.recipe import Recipe

# torch takes seconds to import what its optimisers need.
pytestmark = pytest.mark.slow

RECIPE = Recipe(epochs=40, batch_size=16, learning_rate=0.05, weight_decay=0.0, label_smoothing=0.0)


def lesson(targets: np.ndarray, weights: np.ndarray | None = None) -> Lesson:
    """Rows that all look alike: what is learnt of them is the targets' weighted mean."""
    rows = torch.ones(len(targets), 1)
    kept = np.ones(len(targets), dtype=np.float32) if weights is None else weights
    return Lesson(lambda: rows, targets, kept, 2)


def learnt(taught: Lesson, *, recipe: Recipe = RECIPE) -> Tensor:
    torch.manual_seed(0)
    network = nn.Linear(1, 2)
    learn(network, lesson=taught, recipe=recipe, on_epoch=lambda _: None)
    with torch.inference_mode():
        return torch.softmax(network(torch.ones(1, 1)), dim=1)[0]


def test_equal_rows_are_given_the_share_of_their_labels() -> None:
    targets = np.array([0] * 24 + [1] * 8)
    assert float(learnt(lesson(targets))[1]) == pytest.approx(0.25, abs=0.05)


def test_a_balanced_class_counts_as_much_as_a_greater_one() -> None:
    targets = np.array([0] * 24 + [1] * 8)
    recipe = replace(RECIPE, class_balance=1.0)
    assert float(learnt(lesson(targets), recipe=recipe)[1]) == pytest.approx(0.5, abs=0.05)


def test_weights_count() -> None:
    targets = np.array([0] * 16 + [1] * 16)
    weights = np.where(targets == 1, 3.0, 1.0).astype(np.float32)
    assert float(learnt(lesson(targets, weights))[1]) == pytest.approx(0.75, abs=0.05)


def test_probabilities_are_learnt_as_labels_are() -> None:
    soft = np.tile(np.array([[0.3, 0.7]], dtype=np.float32), (32, 1))
    assert float(learnt(lesson(soft))[1]) == pytest.approx(0.7, abs=0.02)
    targets = np.array([0, 1] * 16)
    hard, same = learnt(lesson(targets)), learnt(lesson(np.eye(2, dtype=np.float32)[targets]))
    torch.testing.assert_close(hard, same)


@pytest.mark.parametrize("as_probabilities", [False, True])
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_balance_moves_weights_by_a_power_of_the_inverse_frequency(
    *, strength: float, as_probabilities: bool
) -> None:
    places = np.array([0] * 9 + [1])
    targets = np.eye(2, dtype=np.float32)[places] if as_probabilities else places
    weights = balanced(lesson(targets), strength=strength)
    assert weights.sum() == pytest.approx(10.0, rel=1e-5)
    assert weights[9] / weights[0] == pytest.approx(9.0**strength, rel=1e-5)


def test_a_mixed_network_is_less_sure_of_what_lies_between_two_genres_rows() -> None:
    steep = replace(RECIPE, epochs=60, learning_rate=0.2)
    sure, mixed = (between(replace(steep, mixup_alpha=alpha)) for alpha in (0.0, 1.0))
    # Without mixing nothing is said of what lies between -1 and 1. With it the truth rises evenly from 0 to
    # 1, to 0.75 here, and the logistic curve that comes nearest is a little steeper: 0.85. Half and half
    # wherever two genres are mixed, by shares that are not heeded, it would be 0.72.
    assert 0.8 < mixed < 0.9
    assert sure > 0.95


def between(recipe: Recipe) -> float:
    """Fit genre 0 at -1 and genre 1 at +1; what is genre 1's probability at 0.5?"""
    rows = torch.cat([torch.full((32, 1), -1.0), torch.full((32, 1), 1.0)])
    taught = Lesson(lambda: rows, np.repeat([0, 1], 32), np.ones(64, dtype=np.float32), 2)
    torch.manual_seed(0)
    network = nn.Linear(1, 2)
    learn(network, lesson=taught, recipe=recipe, on_epoch=lambda _: None)
    with torch.inference_mode():
        return float(torch.softmax(network(torch.tensor([[0.5]])), dim=1)[0, 1])


def test_each_epoch_tells_its_mean_loss() -> None:
    losses: list[float] = []
    # 20 rows in batches of 16: the short last batch counts by its rows.
    targets = np.array([0] * 10 + [1] * 10)
    recipe = replace(RECIPE, epochs=3, learning_rate=1e-9)
    torch.manual_seed(0)
    network = nn.Linear(1, 2)
    with torch.no_grad():
        network.weight.zero_()
        network.bias.copy_(torch.tensor([0.0, 1.0]))
    learn(network, lesson=lesson(targets), recipe=recipe, on_epoch=losses.append)
    expected = float(np.log(1.0 + np.e)) - 0.5
    assert losses == pytest.approx([expected] * 3, abs=1e-5)
