"""Turns straight-line vector programs, written in Python, into LLVM instructions that numba kernels call.

LLVM knows vectors of any length and fits them to the processor at hand, so nothing here names an
instruction set. A kernel says how many lanes a vector has by the length of a tuple, its first argument: the
length is part of the argument's type, so each width is compiled, and cached, by itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Value = Any
"""An LLVM value; llvmlite has no types for mypy."""
Width = tuple[int, ...]
"""Only its length counts: the number of float32 lanes in a vector."""

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
_NO_SPECIALS = ("nnan", "nsz")


@dataclass(frozen=True, slots=True)
class Memory:
    """An array that a vector program reads or writes: its first element's address and its element type."""

    pointer: Value
    element: Value

    @property
    def bytes_per_element(self) -> int:
        """Size of one element: 4 or 8."""
        return 8 if isinstance(self.element, ir.DoubleType) else 4


@dataclass(frozen=True, slots=True)
class Emitter:
    """Writes the instructions of one vector program.

    Attributes
    ----------
    builder : llvmlite.ir.IRBuilder
        Where the instructions go.
    width : int
        Lanes of a vector.
    """

    builder: Value
    width: int

    def index(self, value: int) -> Value:
        """Return an integer constant for addresses."""
        return ir.Constant(_INDEX, value)

    def at(self, base: Value, stride: Value, row: int) -> Value:
        """Return ``base + row * stride``, counted in elements."""
        if row == 0:
            return base
        return self.builder.add(base, self.builder.mul(stride, self.index(row)))

    def offset(self, base: Value, elements: int) -> Value:
        """Return ``base + elements``."""
        return self.builder.add(base, self.index(elements)) if elements else base

    def load(self, memory: Memory, offset: Value) -> Value:
        """Load `width` neighbours from any alignment."""
        vector = self.builder.load(self._address(memory, offset))
        vector.align = memory.bytes_per_element
        return vector

    def store(self, value: Value, memory: Memory, offset: Value) -> None:
        """Store `width` neighbours at any alignment."""
        self.builder.store(value, self._address(memory, offset)).align = memory.bytes_per_element

    def broadcast(self, memory: Memory, offset: Value) -> Value:
        """Load one element into all lanes."""
        scalar = self.builder.load(self.builder.gep(memory.pointer, [offset]))
        return self.splat(scalar, memory.element)

    def splat(self, scalar: Value, element: Value) -> Value:
        """Copy a scalar into all lanes."""
        undefined = ir.Constant(ir.VectorType(element, self.width), ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(_LANE, 0))
        return self.shuffle(one, undefined, [0] * self.width)

    def constant(self, value: float, like: Value) -> Value:
        """Return a constant vector of another vector's type."""
        return ir.Constant(like.type, [value] * self.width)

    def shuffle(self, first: Value, second: Value, lanes: Sequence[int]) -> Value:
        """Pick lanes from two vectors; lane numbers of the second start at `width`."""
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(first, second, mask)

    def add(self, left: Value, right: Value) -> Value:
        """Return ``left + right``."""
        return self.builder.fadd(left, right)

    def subtract(self, left: Value, right: Value) -> Value:
        """Return ``left - right``."""
        return self.builder.fsub(left, right)

    def multiply(self, left: Value, right: Value) -> Value:
        """Return ``left * right``."""
        return self.builder.fmul(left, right)

    def divide(self, left: Value, right: Value) -> Value:
        """Return ``left / right``."""
        return self.builder.fdiv(left, right)

    def multiply_add(self, left: Value, right: Value, addend: Value) -> Value:
        """Return ``left * right + addend``, rounded once where the processor can.

        Said explicitly, so that programs of every width round alike on one processor.
        """
        return self._call("fmuladd", left, right, addend)

    def negative(self, value: Value) -> Value:
        """Return ``-value``; costs nothing inside a `multiply_add`."""
        return self.builder.fneg(value)

    def scaled_add(self, factor: float, value: Value, addend: Value) -> Value:
        """Return ``factor * value + addend``."""
        if factor == 1.0:
            return self.add(addend, value)
        if factor == -1.0:
            return self.subtract(addend, value)
        return self.multiply_add(self.constant(factor, value), value, addend)

    def square_root(self, value: Value) -> Value:
        """Return the square root, rounded correctly."""
        return self._call("sqrt", value)

    def absolute(self, value: Value) -> Value:
        """Return the number without its sign."""
        return self._call("fabs", value)

    def minimum(self, left: Value, right: Value) -> Value:
        """Return the lesser of two numbers; NaN is not expected."""
        less = self.builder.fcmp_ordered("<", left, right, flags=_NO_SPECIALS)
        return self.builder.select(less, left, right)

    def maximum(self, left: Value, right: Value) -> Value:
        """Return the greater of two numbers; NaN is not expected."""
        greater = self.builder.fcmp_ordered(">", left, right, flags=_NO_SPECIALS)
        return self.builder.select(greater, left, right)

    def where_zero(self, test: Value, then: Value, otherwise: Value) -> Value:
        """Return `then` in lanes where `test` is 0, else `otherwise`."""
        zero = self.builder.fcmp_ordered("==", test, self.constant(0.0, test))
        return self.builder.select(zero, then, otherwise)

    def convert(self, value: Value, element: Value) -> Value:
        """Return the numbers in another element type, rounded to nearest."""
        if value.type.element == element:
            return value
        kind = ir.VectorType(element, self.width)
        if isinstance(element, ir.DoubleType):
            return self.builder.fpext(value, kind)
        return self.builder.fptrunc(value, kind)

    def _call(self, name: str, *vectors: Value) -> Value:
        kind = vectors[0].type
        full_name = f"llvm.{name}.v{kind.count}f{64 if isinstance(kind.element, ir.DoubleType) else 32}"
        module = self.builder.module
        function = module.globals.get(full_name)
        if function is None:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(vectors)), full_name)
        return self.builder.call(function, vectors)

    def _address(self, memory: Memory, offset: Value) -> Value:
        vector = ir.VectorType(memory.element, self.width)
        return self.builder.bitcast(self.builder.gep(memory.pointer, [offset]), vector.as_pointer())


def vector_operation(emit: Callable[..., None]) -> Callable[..., None]:
    """Make a vector program callable from kernels.

    Parameters
    ----------
    emit : callable
        Takes an `Emitter`, then one operand for each argument after the first of the operation: a `Memory`
        for an array, a vector with the number in all lanes for a float, an LLVM integer for an integer.

    Returns
    -------
    callable
        The operation, for use in kernels only. Takes a `Width`, then what `emit` takes: arrays (contiguous;
        float32 or float64), float and integer numbers. It returns nothing.
    """
    names = list(inspect.signature(emit).parameters)[1:]

    def define(_context: Any, *kinds: Any) -> Any:
        width, *rest = kinds
        arguments = [types.intp if isinstance(kind, types.Integer) else kind for kind in rest]
        signature = types.void(width, *arguments)

        def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            emitter = Emitter(builder, width.count)
            operands = [
                _operand(emitter, context, kind, value)
                for kind, value in zip(arguments, values[1:], strict=True)
            ]
            emit(emitter, *operands)
            return context.get_dummy_value()

        return signature, generate

    define.__name__ = emit.__name__
    # numba wants to know the number of arguments.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in ("context", "width", *names)]
    define.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # any function may have one
    operation: Callable[..., None] = intrinsic(define)
    return operation


def _operand(emitter: Emitter, context: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, emitter.builder, value)
        return Memory(array.data, context.get_data_type(kind.dtype))
    if isinstance(kind, types.Float):
        return emitter.splat(value, context.get_data_type(kind))
    return value


@vector_operation
def copy_vector(e: Emitter, source: Memory, source_start: Value, target: Memory, target_start: Value) -> None:
    """Copy one vector."""
    e.store(e.load(source, source_start), target, target_start)


@vector_operation
def clear_vector(e: Emitter, target: Memory, start: Value) -> None:
    """Write one vector of zeros."""
    e.store(ir.Constant(ir.VectorType(target.element, e.width), None), target, start)
