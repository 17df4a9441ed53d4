"""Held-out scores come back as they were written, and a file that does not fit together is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modelzoo.publish import HELD_OUT_FILE
from tests.training.rivals import N_TRACKS, scores, write_rival
from training.errors import DataError
from training.held_out import read_held_out


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    found = scores(accuracy=0.7)
    held_out = read_held_out(write_rival(tmp_path, found=found))
    assert held_out.tracks == found.tracks
    assert held_out.targets.tolist() == found.targets.tolist()
    np.testing.assert_allclose(held_out.votes[0], found.pooled, atol=1e-5)
    assert held_out.artists[:3] == ("artist 0", "artist 0", "artist 1")
    assert len(held_out.truth) == N_TRACKS


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"truth": ["soul"] * N_TRACKS}, "genres' names"),
        ({"probabilities": [[[0.5, 0.5, 0.5]] * N_TRACKS]}, "sum to 1"),
        ({"probabilities": [[[1.0, 0.0]] * N_TRACKS]}, "shape"),
        ({"probabilities": [[[2.0, 0.0, 0.0]] * N_TRACKS]}, "less than or equal to 1"),
        ({"tracks": ["blues.00000"] * N_TRACKS}, "no track twice"),
    ],
)
def test_scores_that_do_not_fit_together_are_refused(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    folder = write_rival(tmp_path)
    path = folder / HELD_OUT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(DataError, match=said):
        read_held_out(folder)
