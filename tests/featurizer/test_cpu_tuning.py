"""Checks the tuning in machine code against the torch stage, and its map of pitches against numpy's bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from featurizer.cpu.tuning import fullest_bin, tuning_index, tuning_scratch, tuning_tables
from featurizer.gpu.tuning import TuningEstimator
from featurizer.pitches import pitch_step
from featurizer.spec import GTZAN57
from tests.featurizer.cpu_windows import DEVICE, WIDTH, WINDOWS, lanes_of, oracle_magnitude
from tests.featurizer.signals import BIN_HZ

TABLES = tuning_tables(GTZAN57)
SCRATCH = tuning_scratch(GTZAN57)
ORACLE = TuningEstimator(GTZAN57, device=DEVICE)


def tuning(magnitude: np.ndarray, *, width: tuple[int, ...] = WIDTH) -> int:
    return int(tuning_index(width, magnitude, magnitude.max(axis=0), TABLES, SCRATCH))


@pytest.mark.parametrize("name", WINDOWS)
def test_the_tuning_equals_the_torch_stages(name: str) -> None:
    spectrum = oracle_magnitude(name)
    assert tuning(lanes_of(spectrum)) == int(ORACLE(spectrum.square()))


def test_random_spectra_with_many_peaks_have_the_torch_stages_tuning() -> None:
    spectra = np.random.default_rng(0).uniform(0.5, 1, (20, GTZAN57.n_frames, 1_025)).astype(np.float32)
    expected = ORACLE(torch.from_numpy(spectra).square()).tolist()
    assert [tuning(lanes_of(spectrum[None])) for spectrum in spectra] == expected


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_width_of_the_vectors_changes_no_peak(lanes: int) -> None:
    spectrum = lanes_of(oracle_magnitude("music 0"))
    found = []
    for width in (WIDTH, (0,) * lanes):
        tuning(spectrum, width=width)
        found.append(sorted(SCRATCH.pitch[: SCRATCH.n_peaks[0]]))
    assert found[0] == found[1]
    assert len(found[0]) > 100


def test_the_bins_of_a_million_pitches_are_numpys() -> None:
    low, high = (np.float32(hz).view(np.int32) for hz in (13 * BIN_HZ, 372 * BIN_HZ))
    pitch = np.random.default_rng(0).integers(low, high, 1_000_000, dtype=np.int32).view(np.float32)
    cell = (pitch.view(np.int32) >> 12) - TABLES.first_cell
    bins = (TABLES.cell_bin[cell] + (pitch >= TABLES.cell_edge[cell])) % 100
    np.testing.assert_array_equal(bins, pitch_step(pitch, n_chroma=12) % 100)


def test_a_pitch_on_an_edge_is_counted_in_the_bin_above_it() -> None:
    edges = TABLES.cell_edge[np.isfinite(TABLES.cell_edge)][:500]
    SCRATCH.height[0] = 1
    found = []
    for edge in edges:
        SCRATCH.pitch[0] = edge
        found.append(fullest_bin(1.0, 1, TABLES, SCRATCH))
    assert found == (pitch_step(edges, n_chroma=12) % 100).tolist()


def test_no_cell_of_pitches_holds_two_edges() -> None:
    """The bins at the ends of a cell are one apart at the most, or the map would leave one out."""
    begin = np.arange(len(TABLES.cell_bin), dtype=np.int32) + TABLES.first_cell << 12
    at_end = pitch_step((begin + 4_095).view(np.float32), n_chroma=12) % 100
    assert set(((at_end - TABLES.cell_bin) % 100).tolist()) == {0, 1}
