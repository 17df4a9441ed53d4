"""Checks the statistics of the harmonic and the percussive samples against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from featurizer.cpu.layout import HOP, N_GROUPS, ROWS_PER_GROUP, TILE
from featurizer.cpu.overlap_add import parts_tables
from featurizer.spec import GTZAN57
from featurizer.tables import overlap_gain
from tests.featurizer.cpu_stages import Stages
from tests.featurizer.cpu_windows import WIDTH
from tests.featurizer.signals import N, music

START = GTZAN57.n_fft // 2


def test_each_sample_has_its_gain_and_blocks_inside_the_window_share_theirs() -> None:
    layout = Stages().layout
    tables = parts_tables(GTZAN57, layout, width=WIDTH)
    blocks = [tables.gain[start : start + HOP * TILE].reshape(HOP, TILE) for start in tables.gain_start]
    gain = np.concatenate(blocks, axis=1).T.ravel()
    np.testing.assert_array_equal(gain[START : START + N], overlap_gain(GTZAN57))
    assert not gain[:START].any()
    assert not gain[START + N :].any()
    assert len(set(tables.gain_start[1:8])) == 1


@pytest.mark.parametrize("amplitude", [1e-20, 1.0, 1e10])
def test_statistics_are_those_of_the_samples(amplitude: float) -> None:
    stages = Stages()
    window = np.float32(amplitude) * music(0)
    harmonic = np.float32(amplitude) * music(4)
    stages.load(window)
    stages.start()
    padded = np.zeros(stages.layout.row_pitch * HOP, dtype=np.float32)
    padded[START : START + N] = harmonic / overlap_gain(GTZAN57) / np.float32(stages.unscale)
    rows = padded.reshape(-1, HOP).T
    added = stages.scratch.parts.added.reshape(N_GROUPS, -1)[:, : 2 * TILE * ROWS_PER_GROUP]
    for block in range(stages.layout.n_blocks + 1):
        halves = added.reshape(HOP, 2, TILE).copy()
        halves[:, block % 2] = rows[:, TILE * block : TILE * (block + 1)]
        added[:] = halves.reshape(added.shape)
        stages.add(block)
    found = stages.statistics()
    parts = harmonic.astype(np.float64), window.astype(np.float64) - harmonic
    expected = [statistic(part) for part in parts for statistic in (np.mean, np.var)]
    np.testing.assert_allclose(found[1::2], expected[1::2], rtol=1e-6)
    np.testing.assert_allclose(found[0::2], expected[0::2], rtol=0, atol=1e-7 * np.abs(window).max())
