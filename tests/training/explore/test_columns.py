"""Each column's figures are those of an outside library, and planted oddities are named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.training.explore.tables import windows
from training.explore.columns import count_genres, count_windows_per_track, describe_columns, shifts_between

TRACKS = [f"{genre}.{number // 10}" for genre in ("jazz", "rock") for number in range(50)]


def test_figures_agree_with_scipy_within_rounding_of_32_bits() -> None:
    rng = np.random.default_rng(2)
    table = windows(rng.gamma(2.0, size=(100, 3)), tracks=TRACKS)
    for place, found in enumerate(describe_columns(table, names=("a", "b", "c"))):
        column = table.inputs[:, place].astype(np.float64)
        assert found.mean == pytest.approx(column.mean(), rel=1e-9)
        assert found.sd == pytest.approx(column.std(), rel=1e-9)
        assert found.median == pytest.approx(np.median(column), rel=1e-9)
        assert found.skew == pytest.approx(stats.skew(column), rel=1e-9)
        assert (found.minimum, found.maximum) == (column.min(), column.max())


def test_a_constant_is_named_and_breaks_nothing() -> None:
    values = np.random.default_rng(3).normal(size=(100, 2))
    values[:, 1] = 7.0
    found = describe_columns(windows(values, tracks=TRACKS), names=("a", "b"))
    assert [one.constant for one in found] == [False, True]
    assert (found[1].skew, found[1].between_genres, found[1].outliers) == (0.0, 0.0, 0.0)


def test_only_a_skewed_column_of_positive_values_is_worth_its_logarithm() -> None:
    rng = np.random.default_rng(4)
    normal, skewed = rng.normal(size=100), np.exp(1.5 * rng.normal(size=100))
    values = np.stack([normal, skewed, skewed - 1.0], axis=1)
    found = describe_columns(windows(values, tracks=TRACKS), names=("normal", "skewed", "negative"))
    assert [one.log_worthy for one in found] == [False, True, False]


def test_a_column_that_is_the_genre_tells_genres_apart_wholly() -> None:
    rng = np.random.default_rng(5)
    values = np.stack([np.repeat([0.0, 1.0], 50), rng.normal(size=100)], axis=1)
    found = describe_columns(windows(values, tracks=TRACKS), names=("genre", "noise"))
    assert found[0].between_genres == pytest.approx(1.0)
    f = stats.f_oneway(values[:50, 1], values[50:, 1]).statistic
    assert found[1].between_genres == pytest.approx(f / (f + 98), rel=1e-4)


def test_planted_outliers_are_counted() -> None:
    values = np.linspace(0.0, 1.0, 100)[:, None].copy()
    values[:3] = 50.0
    (found,) = describe_columns(windows(values, tracks=TRACKS), names=("a",))
    assert found.outliers == pytest.approx(0.03)


def test_genres_and_windows_per_track_are_counted() -> None:
    table = windows(np.zeros((5, 1)), tracks=["jazz.0", "jazz.0", "jazz.1", "rock.2", "rock.2"])
    assert [(one.genre, one.windows, one.tracks) for one in count_genres(table)] == [
        ("jazz", 3, 2),
        ("rock", 2, 1),
    ]
    assert count_windows_per_track(table) == {1: 1, 2: 2}


def test_a_shift_within_genres_is_told_from_another_mix_of_genres() -> None:
    rng = np.random.default_rng(6)
    level = np.repeat([0.0, 4.0], 50)
    own = windows((level + rng.normal(size=100))[:, None], tracks=TRACKS)
    mixed = windows((np.repeat([0.0, 4.0], (10, 90)) + rng.normal(size=100))[:, None],
                    tracks=[*["jazz.0"] * 10, *["rock.0"] * 90])  # fmt: skip
    moved = windows((level + 2.0 + rng.normal(size=100))[:, None], tracks=TRACKS)
    (of_mix,) = shifts_between(own, mixed, names=("a",))
    (of_move,) = shifts_between(own, moved, names=("a",))
    assert of_mix.overall > 0.5
    assert of_mix.within_genres == pytest.approx(0.0, abs=0.4)
    assert of_move.within_genres == pytest.approx(2.0, abs=0.4)
    strangers = windows(np.ones((2, 1)), tracks=["soul.0", "soul.1"])
    assert shifts_between(own, strangers, names=("a",))[0].within_genres is None
