"""Turns windows into features with batched torch operations, on a CPU or a CUDA device, one file a stage."""

from __future__ import annotations

from featurizer.gpu.backend import GpuBackend

__all__ = ["GpuBackend"]
