"""Turns 46 neighbouring rows of vectors into 16 rows of sliding medians."""

from __future__ import annotations

from featurizer.cpu.layout import HALF_MEDIAN
from featurizer.cpu.vector_ir import Emitter, Memory, Value, vector_operation
from featurizer.median_network import sliding_median_program


@vector_operation
def median_tile(
    e: Emitter,
    source: Memory,
    source_start: Value,
    source_pitch: Value,
    target: Memory,
    target_start: Value,
    target_pitch: Value,
) -> None:
    """Write 16 rows of medians of 31; row `j` is that of source rows ``j .. j + 30``. Pitches in elements."""
    program = sliding_median_program(2 * HALF_MEDIAN + 1)
    row_of = {value: row for row, value in enumerate(program.outputs)}
    value: dict[int, Value] = {}

    def operand(index: int) -> Value:
        # Inputs are loaded where they are first used: they wait in the cache, not in registers.
        if index not in value:
            value[index] = e.load(source, e.at(source_start, source_pitch, index))
        return value[index]

    for step in program.steps:
        combine = e.minimum if step.kind == "min" else e.maximum
        value[step.target] = combine(operand(step.left), operand(step.right))
        if step.target in row_of:
            place = e.at(target_start, target_pitch, row_of[step.target])
            e.store(value[step.target], target, place)
