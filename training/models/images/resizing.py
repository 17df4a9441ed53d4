"""Turns pictures into smaller or larger ones by two matrix products, exactly alike in torch and in ONNX."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Resizing(nn.Module):
    """Averages a picture down, or spreads it out, to a fixed size.

    Each pixel becomes the mean of the stretch that it covers: of a fraction of a pixel its fraction. Resize
    operators differ between runtimes in where they put corners; products do not. The matrices are made for
    each size that comes in.

    Parameters
    ----------
    height_in, width_in : int
        Pixels that come in.
    height, width : int
        Pixels that go out.
    """

    def __init__(self, *, height_in: int, width_in: int, height: int, width: int) -> None:
        super().__init__()
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", torch.from_numpy(cover(height_in, height)), persistent=False)
        self.register_buffer("columns", torch.from_numpy(cover(width_in, width).T.copy()), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Resize pictures, shape (..., height_in, width_in), to shape (..., height, width)."""
        return torch.matmul(torch.matmul(self.rows, pictures), self.columns)


class AdaptivePooling(nn.Module):
    """Adaptive average pooling of maps of one size, as two products.

    Equal to torch's own, which ONNX knows only where the size that goes out divides the one that comes in.

    Parameters
    ----------
    height_in, width_in : int
        Size of the maps.
    size : int
        Pixels of each side that goes out.

    Attributes
    ----------
    n_repeats : float
        Pixels that go out for each that comes in.
    """

    def __init__(self, *, height_in: int, width_in: int, size: int) -> None:
        super().__init__()
        self.n_repeats = size * size / (height_in * width_in)
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", torch.from_numpy(_adaptive(height_in, size)), persistent=False)
        self.register_buffer(
            "columns", torch.from_numpy(_adaptive(width_in, size).T.copy()), persistent=False
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Pool maps, shape (n, channels, height_in, width_in), to shape (n, channels, size, size)."""
        return torch.matmul(torch.matmul(self.rows, maps), self.columns)


def cover(n_in: int, n_out: int) -> NDArray[np.float32]:
    """Say how much of each pixel that comes in lies under each that goes out, along one side.

    Returns
    -------
    ndarray, shape (n_out, n_in), float32, at least 0
        Each row sums to 1.
    """
    edges_in = np.arange(n_in + 1) / n_in
    edges_out = np.arange(n_out + 1) / n_out
    lower = np.maximum(edges_out[:-1, None], edges_in[None, :-1])
    upper = np.minimum(edges_out[1:, None], edges_in[None, 1:])
    overlap = np.maximum(upper - lower, 0.0)
    shares: NDArray[np.float64] = overlap / overlap.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def _adaptive(n_in: int, n_out: int) -> NDArray[np.float32]:
    """Weigh pixels as torch's adaptive pooling does: whole pixels, from floor to ceiling of the stretch."""
    place = np.arange(n_out)
    first, last = place * n_in // n_out, -((-(place + 1) * n_in) // n_out)
    inside = (np.arange(n_in) >= first[:, None]) & (np.arange(n_in) < last[:, None])
    shares: NDArray[np.float64] = inside / inside.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)
