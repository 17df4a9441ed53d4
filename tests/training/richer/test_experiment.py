"""The experiment finds a planted gain, finds none in noise, and looks at the test once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.synthetic import write_data
from training.errors import DataError
from training.models.kind import InputKind, ModelKind, Task
from training.richer.experiment import Experiment, first_columns, paired_interval, weigh_tracks_alike
from training.richer.features import GTZAN57_PLUS
from training.splits import TrackLists, read_track_lists
from training.windows import LabelledWindows

GENRES = ("blues", "jazz", "rock")


class Centroids:
    """The nearest mean of a genre's windows."""

    def __init__(self, means: NDArray[np.float32]) -> None:
        self.means = means
        self.n_parameters = means.size

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        distances = ((inputs[:, None, :] - self.means) ** 2).sum(axis=2)
        nearest: NDArray[np.float32] = np.eye(len(self.means), dtype=np.float32)[distances.argmin(axis=1)]
        return nearest

    def onnx_bytes(self) -> bytes:
        raise NotImplementedError


def fit_centroids(
    windows: LabelledWindows, *, task: Task, seed: int, on_progress: Callable[[float], None]
) -> Centroids:
    assert windows.inputs.shape[1] == len(task.feature_names)
    means = [windows.inputs[windows.genres == genre].mean(axis=0) for genre in task.genres]
    return Centroids(np.array(means, dtype=np.float32))


KIND = ModelKind(
    name="centroids", title="Centroids", input=InputKind.FEATURES, fit=fit_centroids, note="for tests"
)


@pytest.fixture
def lists(tmp_path: Path) -> TrackLists:
    return read_track_lists(write_data(tmp_path / "data", audio=False) / "gtzan_split")


def windows_of(*, basic: float, added: float) -> LabelledWindows:
    """Twelve tracks a genre of three windows: how far genres lie apart in the 57 and in the added columns."""
    rng = np.random.default_rng(0)
    tracks = [f"{genre}.{number:05d}" for genre in GENRES for number in range(12) for _ in range(3)]
    genres = np.array([track.partition(".")[0] for track in tracks])
    inputs = rng.normal(size=(len(tracks), GTZAN57_PLUS.width))
    place = np.searchsorted(GENRES, genres)[:, None]
    inputs[:, :57] += basic * place
    inputs[:, 57:] += added * place
    ones = np.ones(len(tracks), dtype=np.float32)
    return LabelledWindows(inputs.astype(np.float32), genres, np.array(tracks), ones)


def experiment_on(windows: LabelledWindows, lists: TrackLists) -> Experiment:
    return Experiment(windows=windows, lists=lists, kinds=[KIND], seeds=(0,))


def test_a_planted_gain_is_found_and_adopted(lists: TrackLists) -> None:
    fits = 0

    def count() -> None:
        nonlocal fits
        fits += 1

    experiment = experiment_on(windows_of(basic=0.0, added=3.0), lists)
    answer = experiment.run(count)
    assert fits == experiment.n_fits == 12
    assert answer.validation[0].verdict == answer.test.verdict == "rises"
    assert answer.test.richer == 1.0
    assert answer.adopted
    assert (answer.test.n_tracks, answer.test.n_windows, answer.test.n_artists) == (9, 27, 6)
    assert answer.lacking == ()


def test_noise_is_not_adopted_where_57_columns_tell_all(lists: TrackLists) -> None:
    answer = experiment_on(windows_of(basic=3.0, added=0.0), lists).run()
    assert answer.test.basic == 1.0
    assert answer.test.verdict == "cannot be told"
    assert not answer.adopted


def test_genres_without_a_test_track_are_named(lists: TrackLists) -> None:
    windows = windows_of(basic=3.0, added=0.0)
    windows = windows.rows(~((windows.genres == "jazz") & np.isin(windows.tracks, sorted(lists.test))))
    assert experiment_on(windows, lists).run().lacking == ("jazz",)


def test_a_side_without_tracks_is_refused(lists: TrackLists) -> None:
    windows = windows_of(basic=3.0, added=0.0)
    with pytest.raises(DataError, match="test_windows=0"):
        experiment_on(windows.without_tracks(lists.test), lists).run()


def test_tracks_count_alike_however_many_windows_they_have() -> None:
    tracks = np.array(["a"] * 9 + ["b"])
    windows = LabelledWindows(
        np.zeros((10, 2), np.float32), np.array(["rock"] * 10), tracks, np.ones(10, np.float32)
    )
    weighed = weigh_tracks_alike(windows).weights
    assert weighed[:9].sum() == pytest.approx(weighed[9])
    assert weighed.mean() == pytest.approx(1.0)
    assert first_columns(windows, 1).inputs.shape == (10, 1)


def test_tracks_of_one_artist_are_drawn_together() -> None:
    gaps = np.repeat([1.0, -1.0], 50)
    alone = paired_interval(gaps, groups=[str(track) for track in range(100)], rng=np.random.default_rng(0))
    # The mean of 100 signs has a standard deviation of 0.1; of two artists it may be -1, 0 or 1.
    assert alone == pytest.approx((-0.196, 0.196), abs=0.02)
    assert paired_interval(gaps, groups=["x"] * 50 + ["y"] * 50, rng=np.random.default_rng(0)) == (-1, 1)
