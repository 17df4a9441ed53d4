"""Turns plain functions into machine code: the decorators of every CPU kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def kernel(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Compile a function to machine code that keeps every IEEE rounding and runs without the GIL."""
    compiled: Callable[_Parameters, _Result] = numba.njit(nogil=True, error_model="numpy", cache=True)(
        function
    )
    return compiled


def fast_kernel(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Compile as `kernel` does, but multiply-adds may fuse and no NaN or infinity is expected.

    Sums keep their order: reassociation is never allowed.
    """
    flags = {"contract", "nsz", "nnan", "ninf"}
    compiled: Callable[_Parameters, _Result] = numba.njit(
        nogil=True, error_model="numpy", cache=True, fastmath=flags
    )(function)
    return compiled
