"""Turns a child's windows into the parent's arrays without a copy between: slabs of shared memory.

The memory is anonymous (`memfd`): it has no name to be left behind, however a process dies, and is not
bounded by the size of `/dev/shm`, which containers keep at 64 MiB.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SlabShape:
    """How a child's shared memory is divided: `slabs` times `windows` times `window_samples` float32."""

    slabs: int
    windows: int
    window_samples: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole."""
        return self.slabs * self.windows * self.window_samples * np.dtype(np.float32).itemsize


class SharedWindows:
    """One mapping of a child's slabs; the child writes a slab, the parent reads it and gives it back.

    The memory lives as long as a mapping or an array over it does: a child's death takes nothing away.

    Parameters
    ----------
    descriptor : int
        The shared memory's; it may be closed after this.
    shape : SlabShape
        How it is divided.
    """

    def __init__(self, descriptor: int, *, shape: SlabShape) -> None:
        self.shape = shape
        memory = mmap.mmap(descriptor, shape.size_bytes)
        self._slabs: NDArray[np.float32] = np.frombuffer(memory, dtype=np.float32).reshape(
            shape.slabs, shape.windows, shape.window_samples
        )

    def view(self, slab: int, *, count: int) -> NDArray[np.float32]:
        """Give the first `count` windows of a slab, float32 [count, window_samples], not copied.

        Raises
        ------
        ValueError
            There is no such slab, or it holds fewer windows.
        """
        if not (0 <= slab < self.shape.slabs and 0 <= count <= self.shape.windows):
            raise ValueError(f"no such windows: slab={slab} count={count} of {self.shape}")
        return self._slabs[slab, :count]


def create(shape: SlabShape) -> int:
    """Make shared memory for these slabs and give its descriptor, which the caller closes."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("genrestream-windows")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, shape.size_bytes)
    return descriptor
