"""Turns plain functions into machine code for this CPU's level: the decorators of every CPU kernel.

numba compiles for one CPU in a process. The first kernel sets it to the wanted level, through numba's own
variables ``NUMBA_CPU_NAME`` and ``NUMBA_CPU_FEATURES``: whatever else numba compiles in this process, and in
those that it starts, is for that level too. A process in which numba has already compiled for another CPU
keeps that one: the kernels then take the level "native", and their code serves CPUs of that name only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from featurizer.cpu_level import CpuLevel, native_level, wanted_level
from featurizer.errors import MissingExtraError
from featurizer.kernel_store import KernelStore, kernel_store

try:
    import numba
    from numba.core import config
    from numba.core.registry import cpu_target

    from featurizer.cpu.compiled_code import CompiledCode
except ModuleNotFoundError as exc:
    raise MissingExtraError(
        f"{exc.name} is not installed, without which a CPU computes no features: "
        "pip install 'genrestream[cpu]'"
    ) from exc

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_FAST: Final = frozenset({"contract", "nsz", "nnan", "ninf"})
"""Multiply-adds may fuse, and no NaN or infinity is expected; sums keep their order."""


@cache
def level() -> CpuLevel:
    """Give the level that numba compiles for in this process; the first call sets it.

    Raises
    ------
    KernelSettingError
        The level that was asked for cannot be run.
    """
    wanted = wanted_level()
    if wanted.llvm_cpu is None or wanted.llvm_features is None:
        return wanted
    ours = {"NUMBA_CPU_NAME": wanted.llvm_cpu, "NUMBA_CPU_FEATURES": wanted.llvm_features}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    config.reload_config()
    # numba keeps the features of its first compilation, and code for another CPU must not come into this
    # level's store.
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    if features == wanted.llvm_features:
        return wanted
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    config.reload_config()
    return native_level()


def store() -> KernelStore:
    """Give where this process's compiled kernels are."""
    return kernel_store(level())


def _folder() -> Path:
    return store().folder


def kernel(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Compile a function to machine code that keeps every IEEE rounding and runs without the GIL."""
    return _compiled(function, fastmath=frozenset())


def fast_kernel(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Compile as `kernel` does, but multiply-adds may fuse and no NaN or infinity is expected.

    Sums keep their order: reassociation is never allowed.
    """
    return _compiled(function, fastmath=_FAST)


def _compiled(
    function: Callable[_Parameters, _Result], *, fastmath: frozenset[str]
) -> Callable[_Parameters, _Result]:
    level()
    compile_lazily: Any = numba.njit(nogil=True, error_model="numpy", fastmath=set(fastmath))
    dispatcher = compile_lazily(function)
    dispatcher._cache = CompiledCode(function, folder=_folder)  # where `cache=True` puts numba's own
    compiled: Callable[_Parameters, _Result] = dispatcher
    return compiled
