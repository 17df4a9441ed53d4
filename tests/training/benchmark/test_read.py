"""What a benchmark is given is read whole, but for windows that one track holds twice."""

from __future__ import annotations

from pathlib import Path

from featurizer.spec import GTZAN57
from tests.training.benchmark.tiny import make_lists
from tests.training.small_tables import frame, written
from training.benchmark.read import Split, read_features
from training.models.kind import InputKind


def test_a_window_that_one_track_holds_twice_counts_once_and_one_that_two_tracks_share_stays(
    tmp_path: Path,
) -> None:
    table = frame(["a.0.wav", "a.1.wav", "a.2.wav", "b.0.wav", "b.1.wav"], ["jazz"] * 3 + ["rock"] * 2)
    names = list(GTZAN57.feature_names)
    table.loc[2, names] = table.loc[0, names]
    table.loc[4, names] = table.loc[1, names]
    data = read_features(
        written(tmp_path, table), extra=None, extra_weight=0.3, spec=GTZAN57, split=Split(lists=make_lists())
    )
    own = data.tables[InputKind.FEATURES].own
    assert own.tracks.tolist() == ["a", "a", "b", "b"]
    assert own.inputs[:, 0].tolist() == [0.0, 100.0, 300.0, 100.0]
    assert [(part.n_windows, part.n_dropped) for part in data.figures] == [(4, 1)]
