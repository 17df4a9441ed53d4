"""Turns the sides of a protocol into a warning where the test side can be recognised in the training side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.benchmark.data import BenchmarkData, one_row_a_track
from training.benchmark.plan import protocols_for
from training.models.kind import InputKind
from training.report.figures import Leak
from training.sides import Protocol, Sides, draw_sides
from training.splits import near_copies
from training.windows import LabelledWindows

COPY_SHARE = 0.01
"""Share of the test tracks with a near copy on the training side from which on a figure is flattered by more
than its rounding."""

NEIGHBOUR_GAIN = 0.1
"""How much more often a nearest neighbour may be right than under `grouped_by_track` before something else
than the genre is recognised. On GTZAN random windows give 0.28 more."""

_BLOCK = 512
"""Test rows whose distances are held at once."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found between two sides."""

    n_tracks: int
    shared: int
    copies: int
    searched_copies: bool
    neighbour: float


def find_leaks(data: BenchmarkData) -> tuple[Leak, ...]:
    """Search every protocol's sides, drawn with seed 0 from the own table, for copies of one another.

    The nearest neighbour is a model that can only recognise: where it is far better than between tracks that
    were drawn whole, the windows give away their track.
    """
    kind = next(
        kind for kind in (InputKind.FEATURES, InputKind.IMAGE, InputKind.SERIES) if kind in data.tables
    )
    tables = replace(data.tables[kind], extra=None)
    asked = [protocol for protocol, extra in protocols_for(data, kind=kind) if not extra]
    found: dict[Protocol, _Search] = {}
    for protocol in asked:
        sides = draw_sides(protocol, tables, seed=0)
        if isinstance(sides, Sides):
            found[protocol] = _search(sides, copy_distance=tables.copy_distance)
    if one_row_a_track(tables) and Protocol.GROUPED_BY_TRACK in found:
        found = {Protocol.RANDOM_WINDOWS: found[Protocol.GROUPED_BY_TRACK], **found}
    return tuple(_leak(protocol, found) for protocol in found)


def neighbour_accuracy(sides: Sides) -> float:
    """Say how often a test row's nearest training row, in standard deviations, has its genre."""
    fit, test = _flat(sides.fit), _flat(sides.test)
    mean, scale = fit.mean(axis=0), np.maximum(fit.std(axis=0), 1e-12)
    known, asked = (fit - mean) / scale, (test - mean) / scale
    squares = (known**2).sum(axis=1)
    right = 0
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        nearest = (squares - 2.0 * block @ known.T).argmin(axis=1)
        same = sides.fit.genres[nearest] == sides.test.genres[start : start + _BLOCK]
        right += int(np.count_nonzero(same))
    return right / len(asked)


def _search(sides: Sides, *, copy_distance: float | None) -> _Search:
    shared = frozenset(sides.fit.track_names) & frozenset(sides.test.track_names)
    copies: frozenset[str] = frozenset()
    if copy_distance is not None:
        # A track that is on both sides is no copy of itself.
        alone = sides.test.without_tracks(shared)
        if len(alone):
            copies = near_copies(alone, of=sides.fit, closer_than=copy_distance)
    return _Search(
        n_tracks=len(sides.test.track_names),
        shared=len(shared),
        copies=len(copies),
        searched_copies=copy_distance is not None,
        neighbour=neighbour_accuracy(sides),
    )


def _leak(protocol: Protocol, found: Mapping[Protocol, _Search]) -> Leak:
    here, grouped = found[protocol], found.get(Protocol.GROUPED_BY_TRACK)
    recognises = grouped is not None and here.neighbour - grouped.neighbour > _most_by_chance(here, grouped)
    copied = here.copies >= max(1.0, COPY_SHARE * here.n_tracks)
    return Leak(
        protocol=protocol,
        leaks=bool(here.shared) or recognises or copied,
        why=_sentence(here, grouped=None if protocol is Protocol.GROUPED_BY_TRACK else grouped),
        shared_tracks=here.shared,
        near_copies=here.copies,
        neighbour_accuracy=here.neighbour,
        grouped_accuracy=None if grouped is None else grouped.neighbour,
    )


def _most_by_chance(here: _Search, grouped: _Search) -> float:
    """Say what gain may be by chance: two standard errors between so many tracks, or what is let pass."""
    return max(NEIGHBOUR_GAIN, 2.0 * math.sqrt(0.25 / here.n_tracks + 0.25 / grouped.n_tracks))


def _sentence(here: _Search, *, grouped: _Search | None) -> str:
    parts = [f"{here.shared} of {here.n_tracks} test tracks have windows on the training side too"]
    if here.searched_copies:
        parts.append(f"{here.copies} more have a near copy there")
    neighbour = f"a nearest neighbour is right about {here.neighbour:.3f} of the test rows"
    if grouped is not None:
        neighbour += f", against {grouped.neighbour:.3f} where whole tracks are drawn"
    return ", ".join(parts) + f"; {neighbour}."


def _flat(windows: LabelledWindows) -> NDArray[np.float32]:
    return windows.inputs.reshape(len(windows), -1)
