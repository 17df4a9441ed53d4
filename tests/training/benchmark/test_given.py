"""A split's file gives each window a side, or is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.benchmark.tiny import make_windows
from training.benchmark.given import read_given_split
from training.errors import DataError
from training.sides import TEST, TRAIN, UNUSED


def test_tracks_and_windows_can_be_named_and_the_rest_is_unused(tmp_path: Path) -> None:
    own = make_windows()
    filenames = np.array([f"{track}.{row % 4}.wav" for row, track in enumerate(own.tracks.tolist())])
    path = tmp_path / "split.csv"
    path.write_text(
        "\ufefffilename,side\r\nblues.00000,train\r\njazz.00001.2.wav, Test\r\n", encoding="utf-8"
    )
    sides = read_given_split(path, own=own, filenames=filenames)
    assert np.all(sides[own.tracks == "blues.00000"] == TRAIN)
    assert sides[own.tracks == "jazz.00001"].tolist() == [UNUSED, UNUSED, TEST, UNUSED]
    assert np.count_nonzero(sides) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "leaves a side empty"),
        ("blues.00000,train\n", "side=test"),
        ("blues.00000,train\nnobody.00001,test\n", "first=nobody.00001"),
        ("blues.00000,train\nblues.00001,tset\n", "line=2"),
        ("blues.00000,train\nblues.00000,test\n", "twice"),
        ("blues.00000,train\nblues.00001\n", "line=2"),
        ("blues.00000,train\nblues.00000.1.wav,test\n", "two sides"),
    ],
)
def test_a_bad_split_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    own = make_windows()
    filenames = np.array([f"{track}.{row % 4}.wav" for row, track in enumerate(own.tracks.tolist())])
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_given_split(path, own=own, filenames=filenames)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad,\xff"])
def test_a_split_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "split.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_given_split(path, own=make_windows())
