"""Turns windows into features with batched torch operations and Triton kernels, on CUDA or a CPU.

One file a stage; ``kernels/`` holds the Triton kernel of a stage under the same name. `eager` and `fused` say
in which order the stages run, `backend` which of the two.
"""

from __future__ import annotations

from featurizer.gpu.backend import GpuBackend, GpuOptions

__all__ = ["GpuBackend", "GpuOptions"]
