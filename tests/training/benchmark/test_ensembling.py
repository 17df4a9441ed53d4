"""Ensembles are chosen on validation artists alone, and are the mean of their members."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.benchmark.tiny import make_kind
from training.benchmark.cell import Export, Measured
from training.benchmark.ensembling import average, choose
from training.benchmark.plan import Row
from training.benchmark.run import MeasuredRow
from training.models.kind import Effort, InputKind
from training.sides import Protocol

N_TRACKS, N_WINDOWS, N_GENRES = 40, 3, 4
TARGETS = np.arange(N_TRACKS) % N_GENRES


def make_fit(known: NDArray[np.bool_], *, is_of_tracks: bool = False) -> Measured:
    """Score tracks by somebody who is sure about some of them and knows nothing of the others."""
    rows = np.where(known[:, None], 0.1 + 0.6 * np.eye(N_GENRES)[TARGETS], 0.25)
    times = 1 if is_of_tracks else N_WINDOWS
    return Measured(
        probabilities=np.repeat(rows, times, axis=0).astype(np.float32),
        tracks=np.repeat(np.array([f"t{number:03d}" for number in range(N_TRACKS)]), times),
        targets=np.repeat(TARGETS, times),
        n_fit=100,
        n_parameters=10,
        train_seconds=2.0,
        seconds=3.0,
        graph_bytes=5,
        onnx_difference=0.0,
    )


def make_row(
    name: str,
    *known: NDArray[np.bool_],
    protocol: Protocol = Protocol.VALIDATION,
    input_kind: InputKind = InputKind.FEATURES,
    is_drawn: bool = True,
) -> MeasuredRow:
    row = Row(
        kind=make_kind(name, input_kind=input_kind),
        protocol=protocol,
        extra=False,
        effort=Effort.FULL,
        export=Export.NONE,
    )
    fits = tuple(make_fit(each, is_of_tracks=input_kind is InputKind.TRACK) for each in known)
    return MeasuredRow(row, fits, is_drawn)


FIRST_HALF = np.arange(N_TRACKS) < N_TRACKS // 2
SECOND_HALF = ~FIRST_HALF
NOTHING = np.zeros(N_TRACKS, dtype=bool)


def test_members_that_know_different_things_are_chosen_and_one_that_adds_nothing_is_not() -> None:
    rows = [make_row("empty", NOTHING), make_row("first", FIRST_HALF), make_row("second", SECOND_HALF)]
    (ensemble,) = choose(rows, extra=False)
    assert ensemble.name == "ensemble"
    assert set(ensemble.members) == {"first", "second"}
    assert ", ".join(ensemble.members) in ensemble.note
    assert "validation" in ensemble.note


def test_a_model_that_is_best_alone_makes_no_ensemble() -> None:
    assert choose([make_row("empty", NOTHING), make_row("all", ~NOTHING)], extra=False) == ()


def test_only_validation_chooses() -> None:
    flattered = make_row("flattered", ~NOTHING, protocol=Protocol.RANDOM_WINDOWS)
    heard = make_row("flattered", NOTHING)
    rows = [flattered, heard, make_row("first", FIRST_HALF), make_row("second", SECOND_HALF)]
    (ensemble,) = choose(rows, extra=False)
    assert "flattered" not in ensemble.members
    assert choose([flattered], extra=False) == ()
    assert choose(rows, extra=True) == ()


def test_window_and_track_models_are_mixed_by_their_tracks() -> None:
    windows = make_row("windows", FIRST_HALF)
    tracks = make_row("tracks", SECOND_HALF, input_kind=InputKind.TRACK)
    (ensemble,) = choose([windows, tracks], extra=False)
    assert (ensemble.name, ensemble.input) == ("ensemble-tracks", InputKind.TRACK)
    (fit,) = average([windows, tracks], input_kind=InputKind.TRACK)
    assert fit.probabilities.shape == (N_TRACKS, N_GENRES)
    assert np.all(fit.probabilities.argmax(axis=1) == TARGETS)


def test_models_of_whole_tracks_make_an_ensemble_without_one_of_windows() -> None:
    first, second = (
        make_row(name, known, input_kind=InputKind.TRACK)
        for name, known in (("first", FIRST_HALF), ("second", SECOND_HALF))
    )
    (ensemble,) = choose([make_row("empty", NOTHING), first, second], extra=False)
    assert (ensemble.name, set(ensemble.members)) == ("ensemble-tracks", {"first", "second"})


def test_an_ensemble_is_its_members_mean_and_costs_their_sum() -> None:
    one, other = make_row("one", FIRST_HALF, SECOND_HALF), make_row("other", SECOND_HALF, SECOND_HALF)
    first, second = average([one, other], input_kind=InputKind.FEATURES)
    expected = (one.fits[0].probabilities + other.fits[0].probabilities) / 2
    assert first.probabilities == pytest.approx(expected, abs=1e-7)
    assert second.probabilities == pytest.approx(other.fits[1].probabilities, abs=1e-7)
    assert (first.n_parameters, first.train_seconds) == (20, 4.0)


def test_seeds_of_members_are_paired_and_a_model_that_draws_nothing_has_them_all() -> None:
    still = make_row("still", FIRST_HALF, FIRST_HALF, is_drawn=False)
    five = make_row("five", *[SECOND_HALF] * 5)
    three = make_row("three", *[NOTHING] * 3)
    assert len(average([still, five], input_kind=InputKind.FEATURES)) == 5
    assert len(average([still, five, three], input_kind=InputKind.FEATURES)) == 3
    assert len(average([still, still], input_kind=InputKind.FEATURES)) == 2
    assert average([still, make_row("failed")], input_kind=InputKind.FEATURES) == ()
