"""Turns windows in host memory into features, one batch's upload beside another's computation on the GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.spec import FeatureSpec

Launch = Literal["graph", "stream"]
Features = Callable[[torch.Tensor], torch.Tensor]

_WARM_UP_RUNS: Final = 3
"""Runs before a capture: compile kernels, make FFT plans, take workspaces (torch's notes on CUDA graphs)."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """The buffers of one batch under way: two of them, so that one uploads while the other computes."""

    samples: torch.Tensor
    uploaded_samples: torch.Tensor
    features: torch.Tensor
    uploaded: torch.cuda.Event
    done: torch.cuda.Event


class CudaLane:
    """One caller's way through a device: two streams, two slots, and a CUDA graph for each batch shape.

    Not for two threads at once; another thread takes another lane.

    Parameters
    ----------
    features : callable
        Turns windows on the device into features [batch, width], without looking at values on the host.
    spec : FeatureSpec
        Gives the window's length and the width.
    device : torch.device
        The CUDA device.
    shapes : tuple of int
        Batch sizes, ascending; every batch is padded to one of these.
    launch : {"graph", "stream"}
        Whether each shape's work is captured once and replayed, or launched anew each time.
    """

    def __init__(
        self,
        features: Features,
        *,
        spec: FeatureSpec,
        device: torch.device,
        shapes: tuple[int, ...],
        launch: Launch,
    ) -> None:
        self._features, self._spec, self._shapes = features, spec, shapes
        self._copying, self._computing = _stream(device), _stream(device)
        self._slots = tuple(self._slot(device) for _ in range(2))
        self._replays: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]] = {}
        if launch == "graph":
            pool = torch.cuda.graph_pool_handle()
            # The largest first: the others then fit into the memory that it took.
            for shape in sorted(shapes, reverse=True):
                self._replays[shape] = self._capture(shape, pool=pool, device=device)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Featurize windows, shape [batch, window_samples], batch at least 1; blocks until they are done.

        Returns
        -------
        numpy.ndarray, shape [batch, width], float32
        """
        features = np.empty((len(windows), self._spec.width), dtype=np.float32)
        before: tuple[_Slot, slice] | None = None
        for index, (rows, shape) in enumerate(self._batches(len(windows))):
            slot = self._slots[index % 2]
            self._start(windows[rows], slot=slot, shape=shape)
            if before is not None:
                _collect(features, slot=before[0], rows=before[1])
            before = slot, rows
        if before is not None:
            _collect(features, slot=before[0], rows=before[1])
        return features

    def _batches(self, n: int) -> Iterator[tuple[slice, int]]:
        """Cut `n` windows into batches of the largest shape and one of the smallest that fits the rest."""
        largest = self._shapes[-1]
        for start in range(0, n, largest):
            size = min(largest, n - start)
            yield slice(start, start + size), next(shape for shape in self._shapes if shape >= size)

    def _start(self, windows: NDArray[np.float32], *, slot: _Slot, shape: int) -> None:
        """Upload and launch without waiting. The slot's last batch was collected: its buffers are free."""
        size = len(windows)
        source = _pinned(windows)
        if source is None:
            source = slot.samples[:size]
            source.numpy()[...] = windows
        with torch.cuda.stream(self._copying):
            # Rows beyond the batch keep older windows: nobody reads what becomes of them.
            slot.uploaded_samples[:size].copy_(source, non_blocking=True)
            slot.uploaded.record()
        with torch.cuda.stream(self._computing):
            slot.uploaded.wait()
            slot.features[:size].copy_(self.compute(slot.uploaded_samples[:shape])[:size], non_blocking=True)
            slot.done.record()

    def compute(self, windows: torch.Tensor) -> torch.Tensor:
        """Launch the work on windows that are on the device, on the current stream.

        Parameters
        ----------
        windows : torch.Tensor, shape [batch, window_samples], float32
            Replayed from a graph where one was captured of this batch size.

        Returns
        -------
        torch.Tensor, shape [batch, width], float32
            On the device; the next replay overwrites it.
        """
        replay = self._replays.get(len(windows))
        if replay is None:
            return self._features(windows).float()
        graph, inputs, outputs = replay
        inputs.copy_(windows)
        graph.replay()
        return outputs

    def _capture(
        self, shape: int, *, pool: Any, device: torch.device
    ) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]:
        inputs = torch.zeros(shape, self._spec.window_samples, device=device)
        self._computing.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(self._computing):
            for _ in range(_WARM_UP_RUNS):
                self._features(inputs)
        self._computing.synchronize()
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: only this one's calls are watched.
        with torch.cuda.graph(graph, pool=pool, stream=self._computing, capture_error_mode="thread_local"):
            outputs = self._features(inputs).float()
        return graph, inputs, outputs

    def _slot(self, device: torch.device) -> _Slot:
        samples = (self._shapes[-1], self._spec.window_samples)
        return _Slot(
            samples=_page_locked(samples),
            uploaded_samples=torch.zeros(samples, device=device),
            features=_page_locked((self._shapes[-1], self._spec.width)),
            uploaded=_event(),
            done=_event(),
        )


def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch: untyped


def _event() -> torch.cuda.Event:
    return torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch: untyped


def _page_locked(shape: tuple[int, int]) -> torch.Tensor:
    return torch.zeros(shape, pin_memory=True)


def _pinned(windows: NDArray[np.float32]) -> torch.Tensor | None:
    """Give the windows as a tensor if the device can read them where they are."""
    if not (windows.flags.c_contiguous and windows.flags.writeable):
        return None
    tensor = torch.from_numpy(windows)
    return tensor if tensor.is_pinned() else None


def _collect(features: NDArray[np.float32], *, slot: _Slot, rows: slice) -> None:
    slot.done.synchronize()
    features[rows] = slot.features.numpy()[: rows.stop - rows.start]
