"""Turns this machine's CPU into the level that kernels are compiled for, so that one cache serves many CPUs.

x86-64 has four levels, each with all of the one before (System V psABI, 2020): v2 has SSE4.2, v3 AVX2 and
FMA, v4 AVX-512. Every 64-bit ARM CPU has NEON. "native" is this very CPU, with a cache that serves no other.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from featurizer.errors import KernelSettingError

LEVEL_VARIABLE: Final = "GENRESTREAM_KERNEL_LEVEL"
"""Environment variable that asks for a level lower than the machine's."""
NATIVE: Final = "native"
_CPU_FACTS: Final = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class CpuLevel:
    """What kernels are compiled for.

    Attributes
    ----------
    name : str
        As in "v3", or "native-" and a digest of the CPU's name and flags; part of a cache's path.
    llvm_cpu, llvm_features : str or None
        LLVM's name of the processor and its features; null means this very CPU.
    vector_bits : int
        Width of the widest vector register that kernels may count on.
    """

    name: str
    llvm_cpu: str | None
    llvm_features: str | None
    vector_bits: int


_V1: Final = "+cx8,+fxsr,+mmx,+sse,+sse2"
_V2: Final = _V1 + ",+cx16,+popcnt,+sahf,+sse3,+sse4.1,+sse4.2,+ssse3"
_V3: Final = _V2 + ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
_V4: Final = _V3 + ",+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl"

_X86: Final = {
    "v1": CpuLevel("v1", "x86-64", _V1, 128),
    "v2": CpuLevel("v2", "x86-64-v2", _V2, 128),
    "v3": CpuLevel("v3", "x86-64-v3", _V3, 256),
    "v4": CpuLevel("v4", "x86-64-v4", _V4, 512),
}
_ARM: Final = {"arm64": CpuLevel("arm64", "generic", "+fp-armv8,+neon", 128)}

_ADDED_FLAGS: Final = {
    "v2": {"cx16", "lahf_lm", "pni", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "v3": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"},
    "v4": {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"},
}
"""What each level adds, as Linux names it; Linux leaves out what the operating system has not enabled."""


def machine_levels(*, machine: str | None = None, cpu_facts: Path = _CPU_FACTS) -> dict[str, CpuLevel]:
    """Give the levels that this machine runs, the best of them last.

    Parameters
    ----------
    machine : str, optional
        As `platform.machine` gives it.
    cpu_facts : Path
        Linux's list of CPUs. Where there is none, an x86-64 CPU counts as v1.

    Returns
    -------
    dict of str to CpuLevel
        Empty on another kind of processor.
    """
    kind = (machine or platform.machine()).lower()
    if kind in ("arm64", "aarch64"):
        return dict(_ARM)
    if kind not in ("x86_64", "amd64"):
        return {}
    flags = set(_fact("flags", cpu_facts).split())
    levels = {"v1": _X86["v1"]}
    for name, added in _ADDED_FLAGS.items():
        if not added <= flags:
            break
        levels[name] = _X86[name]
    return levels


def native_level(*, cpu_facts: Path = _CPU_FACTS) -> CpuLevel:
    """Give the level of this very CPU."""
    facts = _fact("model name", cpu_facts) + _fact("flags", cpu_facts) + platform.machine()
    bits = max((level.vector_bits for level in machine_levels(cpu_facts=cpu_facts).values()), default=128)
    return CpuLevel(f"{NATIVE}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}", None, None, bits)


def _fact(name: str, cpu_facts: Path) -> str:
    try:
        with cpu_facts.open(encoding="utf-8", errors="replace") as lines:
            # The first CPU stands for all; reading on costs a millisecond a core.
            return next((line for line in lines if line.startswith(name)), "")
    except OSError:
        return ""


def level_named(name: str) -> CpuLevel:
    """Give the level of a name.

    Raises
    ------
    KernelSettingError
        It is unknown, or above what this machine runs.
    """
    levels = machine_levels()
    if name == NATIVE:
        return native_level()
    if name not in levels:
        raise KernelSettingError(
            f"this CPU does not run the kernels' level: level={name}; it runs {', '.join([*levels, NATIVE])}"
        )
    return levels[name]


@cache
def wanted_level() -> CpuLevel:
    """Give the level to compile for: the one that `GENRESTREAM_KERNEL_LEVEL` names, else the machine's best.

    Raises
    ------
    KernelSettingError
        As `level_named` says.
    """
    named = os.environ.get(LEVEL_VARIABLE)
    return level_named(named or next(reversed(machine_levels()), NATIVE))
