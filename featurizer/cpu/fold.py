"""Turns a step on vectors into a loop over the rows of a spectrum whose running values stay in registers.

Rows are bins (or bands) and lanes are frames. The compiler vectorises such loops along the lanes, too, but it
keeps the running values in memory: three accesses for one multiplication. Written as a vector program, a
running value leaves its register once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from numba.core import cgutils

from featurizer.cpu.vector_ir import Emitter, Memory, Value, vector_operation

_WIDEST: Final = 16
_REGISTERS: Final = 28
_FEW_REGISTERS: Final = 12
"""Vectors that stay in registers while a row is read: of 32 where vectors have 16 lanes, elsewhere of 16."""

Step = Callable[[Emitter, Value, Sequence[Value], Sequence[Value], Sequence[Value]], Sequence[Value]]
"""Takes a row's values, its column numbers, the constants and the running values; gives the next ones."""

Finish = Callable[[Emitter, Value], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldShape:
    """How much a fold holds in registers.

    Attributes
    ----------
    n_columns : int
        Numbers of a row that are the same in all lanes, as a filter's weight is.
    n_constants : int
        Vectors that are the same in all rows.
    n_states : int
        Running values.
    n_vectors : int
        Vectors side by side in one run over the rows, at the most: fewer where their running values and
        constants would not fit the registers. What is left over is done one by one.
    """

    n_columns: int
    n_constants: int
    n_states: int
    n_vectors: int


class _Operands(NamedTuple):
    rows: Memory
    columns: Memory
    constants: Memory
    states: Memory
    lanes: Value
    first: Value
    end: Value
    column_start: Value
    column_pitch: Value
    state_row: Value


def fold(step: Step, shape: FoldShape, finish: Finish | None = None) -> Callable[..., None]:
    """Compile a step into a loop over rows, for use inside kernels.

    Parameters
    ----------
    step : callable
        What one row does to the running values.
    shape : FoldShape
    finish : callable or None
        What is done to each running value in the end.

    Returns
    -------
    callable
        ``folded(width, rows, columns, constants, states, lanes, first, end, column_start, column_pitch,
        state_row)``. `rows`, `constants` and `states` are float32 matrices of `lanes` columns, a multiple
        of the width. Rows `first` to ``end - 1`` are read. The first of them finds its column numbers at
        element `column_start` of `columns`, the next one `column_pitch` further. Running values begin with
        what the rows of `states` from `state_row` on hold, and end there. Nothing is checked.
    """

    def folded(
        e: Emitter,
        rows: Memory,
        columns: Memory,
        constants: Memory,
        states: Memory,
        lanes: Value,
        first: Value,
        end: Value,
        column_start: Value,
        column_pitch: Value,
        state_row: Value,
    ) -> None:
        operands = _Operands(
            rows, columns, constants, states, lanes, first, end, column_start, column_pitch, state_row
        )
        builder = e.builder
        tile_shape = replace(shape, n_vectors=_fitting(shape, width=e.width))
        wide = e.index(tile_shape.n_vectors * e.width)
        n_wide = builder.udiv(lanes, wide)
        with cgutils.for_range(builder, n_wide) as tile:
            _emit_tile(e, (step, finish), tile_shape, operands, builder.mul(tile.index, wide))
        done = builder.mul(n_wide, wide)
        n_left = builder.udiv(builder.sub(lanes, done), e.index(e.width))
        single = replace(shape, n_vectors=1)
        with cgutils.for_range(builder, n_left) as tile:
            lane = builder.add(done, builder.mul(tile.index, e.index(e.width)))
            _emit_tile(e, (step, finish), single, operands, lane)

    return vector_operation(folded)


def _fitting(shape: FoldShape, *, width: int) -> int:
    """Return how many vectors may be held side by side."""
    room = _REGISTERS if width == _WIDEST else _FEW_REGISTERS
    return max(1, min(shape.n_vectors, room // (shape.n_states + shape.n_constants)))


def _emit_tile(
    e: Emitter, program: tuple[Step, Finish | None], shape: FoldShape, operands: _Operands, lane: Value
) -> None:
    """Emit the loop over the rows of a few vectors side by side."""
    builder = e.builder
    step, finish = program
    lanes = [e.offset(lane, vector * e.width) for vector in range(shape.n_vectors)]
    pitch = operands.lanes
    fixed = [
        [e.load(operands.constants, e.at(place, pitch, row)) for row in range(shape.n_constants)]
        for place in lanes
    ]
    states_start = builder.mul(operands.state_row, pitch)
    places = [
        [e.at(builder.add(states_start, place), pitch, state) for state in range(shape.n_states)]
        for place in lanes
    ]
    # Slots on the stack: LLVM makes registers of them.
    slots = [[_slot(builder, e.load(operands.states, place)) for place in group] for group in places]
    with cgutils.for_range(builder, builder.sub(operands.end, operands.first)) as loop:
        row_start = builder.mul(builder.add(operands.first, loop.index), pitch)
        numbers_start = builder.add(operands.column_start, builder.mul(loop.index, operands.column_pitch))
        numbers = [
            e.broadcast(operands.columns, e.offset(numbers_start, number))
            for number in range(shape.n_columns)
        ]
        for place, constants, group in zip(lanes, fixed, slots, strict=True):
            row = e.load(operands.rows, builder.add(row_start, place))
            after = step(e, row, numbers, constants, [builder.load(slot) for slot in group])
            for slot, value in zip(group, after, strict=True):
                builder.store(value, slot)
    for group, targets in zip(slots, places, strict=True):
        for slot, target in zip(group, targets, strict=True):
            value = builder.load(slot)
            e.store(finish(e, value) if finish else value, operands.states, target)


def _slot(builder: Value, initial: Value) -> Value:
    slot = cgutils.alloca_once(builder, initial.type)
    builder.store(initial, slot)
    return slot
