"""Checks vector programs: arithmetic, lanes and addresses, at every width and in both precisions."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from featurizer.cpu.vector_ir import Emitter, Memory, Value, Width, copy_vector, vector_operation

WIDTHS = [4, 8, 16]


@vector_operation
def arithmetic(e: Emitter, source: Memory, target: Memory, start: Value) -> None:
    """Write eight results of the first two vectors of `source`, one vector each."""
    left, right = e.load(source, e.index(0)), e.load(source, e.index(e.width))
    results = (
        e.add(left, right),
        e.subtract(left, right),
        e.multiply_add(left, right, right),
        e.minimum(left, right),
        e.maximum(left, right),
        e.square_root(e.absolute(left)),
        e.where_zero(left, right, e.divide(right, left)),
        e.scaled_add(-2.5, left, e.negative(right)),
    )
    for index, result in enumerate(results):
        e.store(result, target, e.offset(start, index * e.width))


@vector_operation
def lanes(e: Emitter, source: Memory, target: Memory, row: Value, pitch: Value, factor: Value) -> None:
    """Write one element times a factor, in all lanes; then a vector with its lanes turned round."""
    one = e.broadcast(source, e.at(row, pitch, 2))
    e.store(e.multiply(one, factor), target, e.index(0))
    vector = e.load(source, row)
    e.store(e.shuffle(vector, vector, list(range(e.width - 1, -1, -1))), target, e.index(e.width))


@vector_operation
def widen(e: Emitter, source: Memory, target: Memory) -> None:
    """Convert one vector to the element type of `target`."""
    e.store(e.convert(e.load(source, e.index(0)), target.element), target, e.index(0))


@numba.njit
def run_arithmetic(width: Width, source: Any, target: Any, start: int) -> None:
    arithmetic(width, source, target, start)


@numba.njit
def run_lanes(width: Width, source: Any, target: Any, row: int, pitch: int, factor: Any) -> None:
    lanes(width, source, target, row, pitch, factor)


@numba.njit
def run_widen(width: Width, source: Any, target: Any) -> None:
    widen(width, source, target)


@numba.njit
def run_copy(width: Width, source: Any, source_start: int, target: Any, target_start: int) -> None:
    copy_vector(width, source, source_start, target, target_start)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arithmetic_is_numpys_in_every_lane(width: int, dtype: type[np.floating[Any]]) -> None:
    source = np.random.default_rng(0).standard_normal(2 * width).astype(dtype)
    source[1] = 0
    left, right = source[:width], source[width:]
    target = np.full(8 * width + 3, -1, dtype=dtype)
    run_arithmetic((0,) * width, source, target, 3)
    # Fused or not, a multiplication and an addition differ by at most one rounding.
    fused = left.astype(np.longdouble) * right + right
    quotient = np.divide(right, left, out=right.copy(), where=left != 0)
    scaled = np.longdouble(-2.5) * left - right
    expected = (
        left + right, left - right, fused, np.minimum(left, right), np.maximum(left, right),
        np.sqrt(np.abs(left)), quotient, scaled,
    )  # fmt: skip
    eps = float(np.finfo(dtype).eps)
    for index, (found, wanted) in enumerate(zip(target[3:].reshape(8, width), expected, strict=True)):
        tolerance = 4 * eps if index in (2, 7) else 0.0
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    assert (target[:3] == -1).all()


@pytest.mark.parametrize("width", WIDTHS)
def test_an_element_goes_to_all_lanes_and_lanes_can_change_places(width: int) -> None:
    source = np.arange(64, dtype=np.float32)
    target = np.zeros(2 * width, dtype=np.float32)
    run_lanes((0,) * width, source, target, 3, 10, np.float32(0.5))
    np.testing.assert_array_equal(target[:width], np.full(width, 11.5, dtype=np.float32))
    np.testing.assert_array_equal(target[width:], source[3 : 3 + width][::-1])


@pytest.mark.parametrize("width", WIDTHS)
def test_double_is_rounded_to_the_nearest_single(width: int) -> None:
    source = np.random.default_rng(1).standard_normal(width)
    target = np.zeros(width, dtype=np.float32)
    run_widen((0,) * width, source, target)
    np.testing.assert_array_equal(target, source.astype(np.float32))


def test_a_vector_is_copied_from_and_to_any_alignment() -> None:
    source, target = np.arange(20, dtype=np.float32), np.zeros(20, dtype=np.float32)
    run_copy((0,) * 8, source, 3, target, 7)
    np.testing.assert_array_equal(target[7:15], source[3:11])
    assert not target[:7].any()
    assert not target[15:].any()
