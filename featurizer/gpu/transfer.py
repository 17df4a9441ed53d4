"""Turns windows in memory into tensors on a device, and features back, so that threads overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray


class Transfer:
    """Moves arrays between numpy and one device.

    On CUDA each thread works on a stream of its own and copies from pinned memory: one thread's upload runs
    while another's kernels do.

    Parameters
    ----------
    device : torch.device
        The device, "cpu" or "cuda".
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._thread = threading.local()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Run the block's CUDA work on the calling thread's own stream; on a CPU change nothing."""
        if self._device.type == "cpu":
            yield
            return
        if not hasattr(self._thread, "stream"):
            self._thread.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]  # torch: untyped
        with torch.cuda.stream(self._thread.stream):
            yield

    def upload(self, windows: NDArray[np.float32]) -> torch.Tensor:
        """Give a copy of the windows as a tensor on the device, same shape.

        A copy even on a CPU: torch does not take arrays that are read-only (shared memory) or run backwards.
        """
        on_cuda = self._device.type == "cuda"
        samples = torch.empty(windows.shape, dtype=torch.float32, pin_memory=on_cuda)
        samples.numpy()[...] = windows
        return samples.to(self._device, non_blocking=True) if on_cuda else samples

    def download(self, features: torch.Tensor) -> NDArray[np.float32]:
        """Give features as a float32 array, same shape; blocks until they are computed."""
        array: NDArray[np.float32] = features.float().cpu().numpy()
        return array
