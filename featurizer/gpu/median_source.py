"""Turns the program of a sliding median into the source of the Triton function that runs it.

Triton compiles the text of a file, so the function must lie in one. The file is kept with the code rather
than written at start: it works from a read-only file system, and what a GPU runs can be read.
``python -m featurizer.gpu.median_source`` writes it anew; a test holds it to the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from featurizer.median_network import sliding_median_program

SIZE: Final = 31
"""Points of the median: librosa's default, and `gtzan57`'s."""

_HEADER: Final = '''"""Turns {n_inputs} neighbours into {n_outputs} medians of {size} points, in registers.

Generated: ``python -m featurizer.gpu.median_source`` writes this file from `featurizer.median_network`.
"""

from __future__ import annotations

from typing import Final

import triton
import triton.language as tl

SIZE: Final = {size}
N_OUTPUTS: Final = {n_outputs}


@triton.jit
def _load(pointers, position, n, step):
    """Read a neighbour; beyond an edge its mirror image, the edge itself included."""
    position = tl.where(position < 0, -1 - position, position)
    position = tl.where(position >= n, 2 * n - 1 - position, position)
    return tl.load(pointers + tl.maximum(position, 0) * step)


@triton.jit
def medians(pointers, first, n, step):
    """Give {n_outputs} neighbouring medians to a lane, as a new last axis.

    `first` is the position of a lane's first neighbour, `n` the number of positions, `step` their distance in
    memory; `pointers` and `first` broadcast to the lanes.
    """
'''


def median_source() -> str:
    """Give the text of ``featurizer/gpu/kernels/median_31.py``."""
    program = sliding_median_program(SIZE)
    lines = [f"    v{index} = _load(pointers, first + {index}, n, step)" for index in range(program.n_inputs)]
    lines += [
        f"    v{step.target} = tl.{step.kind}imum(v{step.left}, v{step.right})" for step in program.steps
    ]
    header = _HEADER.format(n_inputs=program.n_inputs, n_outputs=program.n_outputs, size=SIZE)
    return header + "\n".join([*lines, *_joined(program.outputs)]) + "\n"


def _joined(outputs: tuple[int, ...]) -> list[str]:
    """Join the outputs pair by pair: of each join the halves are the even and the odd ones."""
    lines: list[str] = []

    def join(values: tuple[int, ...], name: str) -> str:
        if len(values) == 1:
            return f"v{values[0]}"
        even, odd = join(values[0::2], f"{name}0"), join(values[1::2], f"{name}1")
        lines.append(f"    {name} = tl.join({even}, {odd})")
        return name

    joined = join(outputs, "j")
    shape = f"[{joined}.shape[0], {joined}.shape[1], {len(outputs)}]"
    return [*lines, f"    return tl.reshape({joined}, {shape})"]


def main() -> None:
    """Write the file."""
    Path(__file__).with_name("kernels").joinpath(f"median_{SIZE}.py").write_text(median_source())


if __name__ == "__main__":
    main()
