"""Somebody else's figures are read as they are, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import DataError
from training.explore.reference import read_reference


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_figures_are_read_by_statistic_and_empty_cells_stay_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "feature,Mean,std,remark\ntempo,120.5,,slow\nrms_mean,0.1,0.02,\n")
    found = read_reference(path, names=("tempo", "rms_mean", "rms_var"))
    assert found.statistics == ("mean", "sd")
    assert found.figures == {"tempo": {"mean": 120.5}, "rms_mean": {"mean": 0.1, "sd": 0.02}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no rows"),
        ("feature,mean\n", "no rows"),
        ("name,mean\ntempo,1\n", "needs the column feature"),
        ("feature,kurtosis\ntempo,1\n", "one of mean"),
        ("feature,mean\nloudness,1\n", "unknown feature, path=.* row=2 feature=loudness"),
        ("feature,mean\ntempo,fast\n", "row=2 value=fast"),
        ("feature,mean\ntempo,inf\n", "value=inf"),
    ],
)
def test_a_bad_reference_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_reference(written(tmp_path / "a.csv", text), names=("tempo",))


def test_a_reference_that_is_not_there_or_no_text_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_reference(tmp_path / "none.csv", names=())
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_reference(tmp_path / "bytes.csv", names=())
