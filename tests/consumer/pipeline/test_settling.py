"""A label has settled when it has been the same, and sure, after each of the last parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.pipeline.settling import Settling
from consumer.window_settings import EarlyStopSettings
from modelzoo.aggregate import decide
from tests.modelzoo.artifacts import make_manifest

JAZZ, ROCK, NOTHING = (0.05, 0.9, 0.05), (0.0, 0.0, 1.0), (0.34, 0.33, 0.33)


def part(*rows: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def settling(confidence: float, *, parts: int = 2) -> Settling:
    return Settling(make_manifest(), rule=EarlyStopSettings(confidence=confidence, parts=parts))


def test_a_sure_label_settles_after_as_many_parts_as_asked() -> None:
    track = settling(0.8, parts=3)
    assert [track.add(part(JAZZ, JAZZ)) for _ in range(4)] == [False, False, True, True]


def test_an_unsure_label_never_settles() -> None:
    track = settling(0.8)
    assert not any(track.add(part(NOTHING)) for _ in range(50))


def test_another_top_genre_begins_anew() -> None:
    track = settling(0.5)
    # The mean's top is jazz (0.9), then rock (0.53, 0.68, 0.76).
    answers = [track.add(part(row)) for row in (JAZZ, ROCK, ROCK, ROCK)]
    assert answers == [False, False, True, True]


def test_a_part_that_shakes_the_confidence_begins_anew() -> None:
    track = settling(0.8)
    answers = [track.add(part(row)) for row in (JAZZ, NOTHING, *[JAZZ] * 8)]
    expected = []
    sure = 0
    for n in range(1, 11):
        rows = [JAZZ, NOTHING, *[JAZZ] * 8][:n]
        sure = sure + 1 if decide(part(*rows), make_manifest()).confidence >= 0.8 else 0
        expected.append(sure >= 2)
    assert answers == expected
    assert True in answers[2:]
    assert not answers[1]


@pytest.mark.parametrize("temperatures", [((1, 1.0),), ((1, 3.0), (4, 0.5))])
def test_the_confidence_is_the_calibrated_one_of_all_windows_so_far(
    temperatures: tuple[tuple[int, float], ...],
) -> None:
    rng = np.random.default_rng(3)
    manifest = make_manifest(temperatures=temperatures)
    parts = [rng.dirichlet((1.0, 2.0, 1.0), size=2).astype(np.float32) for _ in range(6)]
    for threshold in (0.4, 0.5, 0.6, 0.7):
        track = Settling(manifest, rule=EarlyStopSettings(confidence=threshold, parts=1))
        for end in range(1, 7):
            verdict = decide(np.concatenate(parts[:end]), manifest)
            assert track.add(parts[end - 1]) == (verdict.confidence >= threshold)
