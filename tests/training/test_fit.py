"""The same seed gives the same network; changing the gain of features is changing the gain of samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.reference import reference_features
from featurizer.spec import GTZAN57
from training.fit import fit_mlp, play_at_gain
from training.recipe import Recipe
from training.windows import LabelledWindows

GENRES = ("blues", "jazz")

# torch takes seconds to import what its optimisers need, librosa to compile.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table() -> LabelledWindows:
    rng = np.random.default_rng(0)
    genres = np.array(["blues", "jazz"] * 60)
    middle = np.where(genres == "jazz", 14.0, 10.0)[:, None]
    return LabelledWindows(
        inputs=(middle + rng.normal(size=(120, 57))).astype(np.float32),
        genres=genres,
        tracks=np.array([f"{genre}.{place:05d}" for place, genre in enumerate(genres)]),
        weights=np.ones(120, dtype=np.float32),
    )


def fitted(table: LabelledWindows, *, seed: int, recipe: Recipe | None = None) -> np.ndarray:
    recipe = recipe or Recipe(epochs=3, batch_size=32)
    model = fit_mlp(table, genres=GENRES, spec=GTZAN57, recipe=recipe, seed=seed)
    return model(table.inputs)


def test_it_learns_what_can_be_learnt(table: LabelledWindows) -> None:
    probabilities = fitted(table, seed=0, recipe=Recipe(epochs=20, batch_size=32))
    assert np.mean(probabilities.argmax(axis=1) == table.targets(GENRES)) > 0.95


def test_the_same_seed_gives_the_same_network_and_another_another(table: LabelledWindows) -> None:
    torch.manual_seed(1)
    first = fitted(table, seed=0)
    torch.manual_seed(2)
    np.testing.assert_array_equal(fitted(table, seed=0), first)
    assert not np.array_equal(fitted(table, seed=1), first)


def test_fitting_leaves_the_callers_random_numbers_alone(table: LabelledWindows) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    fitted(table, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_windows_without_weight_teach_nothing(table: LabelledWindows) -> None:
    wrong = replace(table, genres=table.genres[::-1], weights=np.full(120, 1e-12, dtype=np.float32))
    both = LabelledWindows(
        *(
            np.concatenate([getattr(part, name) for part in (table, wrong)])
            for name in ("inputs", "genres", "tracks", "weights")
        )
    )
    model = fit_mlp(both, genres=GENRES, spec=GTZAN57, recipe=Recipe(epochs=20, batch_size=32), seed=0)
    assert np.mean(model(table.inputs).argmax(axis=1) == table.targets(GENRES)) > 0.95


def test_a_network_learns_another_ones_probabilities_in_place_of_labels(table: LabelledWindows) -> None:
    reversed_labels = np.eye(2, dtype=np.float32)[1 - table.targets(GENRES)]
    recipe = Recipe(epochs=20, batch_size=32)
    model = fit_mlp(table, genres=GENRES, spec=GTZAN57, recipe=recipe, seed=0, targets=reversed_labels)
    assert np.mean(model(table.inputs).argmax(axis=1) == table.targets(GENRES)) < 0.05


def test_a_recipe_says_how_large_the_network_is_and_how_much_of_it_is_left_out(
    table: LabelledWindows,
) -> None:
    recipe = Recipe(epochs=1, hidden_units=(8,), dropout=0.5)
    network = fit_mlp(table, genres=GENRES, spec=GTZAN57, recipe=recipe, seed=0).network
    assert [tuple(layer.weight.shape) for layer in network.layers()] == [(8, 57), (2, 8)]
    assert isinstance(network.dropout, torch.nn.Dropout)
    assert network.dropout.p == 0.5


@pytest.mark.parametrize("n_rows", [100, 6_000, 25_000])
def test_a_recipe_lasts_as_many_steps_whatever_the_tables_length(n_rows: int) -> None:
    recipe = Recipe(batch_size=250).lasting(1_000, n_rows=n_rows)
    assert recipe.epochs * -(-n_rows // 250) == pytest.approx(1_000, rel=0.02)


@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_playing_features_louder_is_featurizing_louder_samples(gain_db: float) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(GTZAN57.window_samples) / GTZAN57.sample_rate
    samples = 0.1 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(2 * np.pi * 3 * time)) + 0.02 * rng.normal(
        size=len(time)
    )
    samples = samples.astype(np.float32)
    louder = (samples * 10 ** (gain_db / 20)).astype(np.float32)
    computed = play_at_gain(
        torch.from_numpy(reference_features(samples)[None]), spec=GTZAN57, gain_db=torch.tensor([gain_db])
    )[0].numpy()
    np.testing.assert_allclose(computed, reference_features(louder), rtol=2e-3, atol=1e-5)
