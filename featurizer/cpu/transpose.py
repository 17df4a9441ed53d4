"""Turns rows into columns, a square of vectors at a time, in registers."""

from __future__ import annotations

from featurizer.cpu.vector_ir import Emitter, Memory, Value, vector_operation


def transposed(e: Emitter, rows: list[Value]) -> list[Value]:
    """Return the columns of as many vectors as each has lanes.

    At each step, blocks of half the size swap places across the diagonal: two shuffles a pair of rows.
    """
    step = e.width // 2
    while step:
        low = [lane if not lane & step else e.width + (lane ^ step) for lane in range(e.width)]
        high = [lane | step if not lane & step else e.width + lane for lane in range(e.width)]
        swapped = list(rows)
        for upper in range(e.width):
            if not upper & step:
                lower = upper | step
                swapped[upper] = e.shuffle(rows[upper], rows[lower], low)
                swapped[lower] = e.shuffle(rows[upper], rows[lower], high)
        rows = swapped
        step //= 2
    return rows


@vector_operation
def transpose_square(
    e: Emitter,
    source: Memory,
    source_start: Value,
    source_pitch: Value,
    target: Memory,
    target_start: Value,
    target_pitch: Value,
) -> None:
    """Transpose a square of `width` rows and columns; pitches are elements between rows."""
    rows = [e.load(source, e.at(source_start, source_pitch, row)) for row in range(e.width)]
    for row, column in enumerate(transposed(e, rows)):
        e.store(column, target, e.at(target_start, target_pitch, row))


@vector_operation
def transpose_scaled_square(
    e: Emitter,
    source: Memory,
    source_start: Value,
    source_pitch: Value,
    factor: Value,
    target: Memory,
    target_start: Value,
    target_pitch: Value,
) -> None:
    """Transpose a square as `transpose_square` does, times `factor`."""
    rows = [e.load(source, e.at(source_start, source_pitch, row)) for row in range(e.width)]
    for row, column in enumerate(transposed(e, rows)):
        e.store(e.multiply(column, factor), target, e.at(target_start, target_pitch, row))
