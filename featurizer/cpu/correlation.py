"""Turns rows of values and factors into sums of their products at neighbouring lags, a lag a lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llvmlite import ir
from numba.core import cgutils

from featurizer.cpu.vector_ir import Emitter, Memory, Value, vector_operation

N_ROWS: Final = 3
"""Rows that `correlate_rows` takes together."""
TILE_VECTORS: Final = 2
"""Vectors of lags whose sums stay in registers; in double precision each takes two."""


def _correlation(n_rows: int) -> Callable[..., None]:
    """Make the program for so many rows of both arrays, `pitch` elements apart.

    Element ``lane + v`` of `sums` becomes, for as many `v` from 0 as `TILE_VECTORS` vectors have lanes, the
    sum over all rows and steps ``i < n_places`` of ``factors[place + i] * values[start - i + v]``.
    """

    def correlate(
        e: Emitter,
        values: Memory,
        start: Value,
        pitch: Value,
        factors: Memory,
        place: Value,
        n_places: Value,
        sums: Memory,
        lane: Value,
    ) -> None:
        builder = e.builder
        zero = ir.Constant(ir.VectorType(values.element, e.width), None)
        slots = [cgutils.alloca_once_value(builder, zero) for _ in range(TILE_VECTORS)]
        for slot in slots:
            builder.store(zero, slot)
        with cgutils.for_range(builder, n_places) as loop:
            here = builder.sub(start, loop.index)
            for row in range(n_rows):
                factor = e.broadcast(factors, builder.add(e.at(place, pitch, row), loop.index))
                for vector, slot in enumerate(slots):
                    value = e.load(values, e.offset(e.at(here, pitch, row), vector * e.width))
                    builder.store(e.multiply_add(factor, value, builder.load(slot)), slot)
        for vector, slot in enumerate(slots):
            e.store(builder.load(slot), sums, e.offset(lane, vector * e.width))

    return vector_operation(correlate)


correlate_one = _correlation(1)
correlate_rows = _correlation(N_ROWS)
