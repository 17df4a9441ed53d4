"""Steps build on one another, teach what they say, and become figures that name their base."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from featurizer.spec import GTZAN57
from tests.training.models.neural.windows import GENRES, make_windows
from training.evaluate import TrackScores
from training.models.kind import Effort, InputKind, Task
from training.steps import STEPS, StepPlan, WeighingExtra, step_figures
from training.windows import LabelledWindows, join

# torch takes seconds to import what its optimisers need.
pytestmark = pytest.mark.slow


def scores(right: list[bool]) -> TrackScores:
    sure = [[0.9, 0.1] if is_right else [0.1, 0.9] for is_right in right]
    return TrackScores(
        tracks=tuple(f"blues.{place:05d}" for place in range(len(right))),
        targets=np.zeros(len(right), dtype=np.int64),
        windows=tuple(np.array([row, row], dtype=np.float32) for row in sure),
    )


def test_every_base_comes_before_what_changes_it_and_no_name_comes_twice() -> None:
    names = [plan.name for plan in STEPS]
    assert len(set(names)) == len(names)
    assert [plan.base for plan in STEPS].count(None) == 1
    for place, plan in enumerate(STEPS):
        assert plan.base is None or plan.base in names[:place]
        assert plan.kind.input is InputKind.FEATURES
        assert not plan.kind.by_default
        assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301  # our own bytes, as a process is sent them


@pytest.mark.parametrize("plan", STEPS, ids=lambda plan: plan.name)
def test_a_step_can_be_fitted_and_exported(plan: StepPlan) -> None:
    windows = make_windows(shape=(57,))
    task = Task(genres=GENRES, feature_names=GTZAN57.feature_names, effort=Effort.QUICK)
    model = plan.kind.fit(windows, task=task, seed=0, on_progress=lambda _: None)
    assert np.mean(model(windows.inputs).argmax(axis=1) == windows.targets(GENRES)) > 0.9
    assert model.onnx_bytes()


def test_an_extra_window_counts_as_much_as_it_is_told_to() -> None:
    seen: list[LabelledWindows] = []

    def fit(windows: LabelledWindows, **_: object) -> None:
        seen.append(windows)

    own, extra = make_windows(shape=(3,), n=3), make_windows(shape=(3,), n=3)
    extra = LabelledWindows(
        extra.inputs, extra.genres, np.char.add("extra/", extra.tracks), extra.weights * 7
    )
    WeighingExtra(fit, 0.25)(  # type: ignore[arg-type]  # only what it is given matters here
        join([own, extra]), task=Task(genres=GENRES), seed=0, on_progress=lambda _: None
    )
    assert seen[0].weights.tolist() == [1.0] * 3 + [0.25] * 3


def test_figures_name_gains_over_their_base() -> None:
    found = step_figures(
        {
            "plain": [scores([True, False, False, False]), scores([True, True, False, False])],
            "log-variances": [scores([True, True, True, False])] * 2,
            "track-svm": [scores([True, True, True, True])],
        },
        seed=0,
    )
    by_name = {step.name: step for step in found}
    assert list(by_name) == ["plain", "log-variances", "log-pooling", "ensemble", "track-svm"]
    assert by_name["plain"].gain is None
    assert by_name["plain"].track_accuracy == pytest.approx(0.375)
    assert by_name["log-variances"].gain == pytest.approx(0.375)
    assert by_name["track-svm"].base == by_name["ensemble"].base == "log-variances"
    assert by_name["track-svm"].gain == pytest.approx(0.25)
    interval = by_name["log-variances"].gain_interval
    assert interval is not None
    assert interval[0] <= 0.375 <= interval[1]


def test_a_step_whose_base_was_not_measured_has_no_gain() -> None:
    found = step_figures({"mixup": [scores([True, False])]}, seed=0)
    assert (found[0].base, found[0].gain) == ("label-smoothing", None)


def test_no_scores_give_no_figures() -> None:
    assert step_figures({}, seed=0) == ()
