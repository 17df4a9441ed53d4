"""Checks loops with running values in registers against numpy, at every width."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import pytest

from featurizer.cpu.fold import FoldShape, fold
from featurizer.cpu.vector_ir import Emitter, Value

LANES = 48
SHAPE = FoldShape(n_columns=2, n_constants=1, n_states=2, n_vectors=2)


def weigh(
    e: Emitter, row: Value, columns: Sequence[Value], constants: Sequence[Value], sums: Sequence[Value]
) -> Sequence[Value]:
    shifted = e.add(row, constants[0])
    return [e.add(total, e.multiply(column, shifted)) for total, column in zip(sums, columns, strict=True)]


def negative(e: Emitter, value: Value) -> Value:
    return e.negative(value)


folded = fold(weigh, SHAPE, negative)


@numba.njit
def run(width, rows, columns, constants, states):  # type: ignore[no-untyped-def]  # numba infers the types
    # Rows 3 to 6; the first finds its numbers in row 1 of the columns, from column 1 on; states from row 1.
    folded(width, rows, columns, constants, states, LANES, 3, 7, 6, 5, 1)


@pytest.mark.parametrize("width", [4, 8, 16])
def test_a_weighted_sum_of_rows_begins_with_what_the_states_hold(width: int) -> None:
    """48 lanes are an odd number of vectors of 16: one is left over."""
    rng = np.random.default_rng(0)
    rows, columns, constants, states = (
        rng.integers(-8, 8, shape).astype(np.float32)
        for shape in ((9, LANES), (8, 5), (1, LANES), (4, LANES))
    )
    expected = states.copy()
    expected[1:3] = -(states[1:3] + columns[1:5, 1:3].T @ (rows[3:7] + constants))
    run((0,) * width, rows, columns, constants, states)
    np.testing.assert_array_equal(states, expected)
