"""A process that compiles or loads a small kernel and prints, as JSON, where from and what it computed."""

from __future__ import annotations

import json
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

if "numba-first" in sys.argv:
    import numba

    numba.njit(lambda x: x + 1)(1)

from featurizer.cpu.compiling import fast_kernel, kernel, level, store


class Pair(NamedTuple):
    left: NDArray[np.float32]
    right: NDArray[np.float32]


@fast_kernel
def multiply_add(left: np.float32, right: np.float32, addend: np.float32) -> np.float32:
    return left * right + addend


@kernel
def combine(pair: Pair, out: NDArray[np.float32]) -> None:
    for i in range(out.shape[0]):
        out[i] = multiply_add(pair.left[i], pair.right[i], np.float32(1.0))


def main() -> None:
    rng = np.random.default_rng(0)
    pair = Pair(*rng.standard_normal((2, 64)).astype(np.float32))
    out = np.empty(64, dtype=np.float32)
    found = store()
    was_warm = found.is_warm
    with found.first_use():
        combine(pair, out)
    expected = pair.left.astype(np.float64) * pair.right + 1.0
    facts = {
        "level": level().name,
        "origin": found.origin,
        "folder": str(found.folder),
        "was_warm": was_warm,
        "is_warm": found.is_warm,
        "compiled": sum(combine.stats.cache_misses.values()),  # type: ignore[attr-defined]  # numba's
        "close": bool(np.allclose(out, expected, rtol=1e-5)),
        "assembly": "".join(combine.inspect_asm().values()),  # type: ignore[attr-defined]  # numba's
    }
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main()
