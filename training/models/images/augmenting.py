"""Turns a batch of small pictures into shifted ones with blanked bands, anew each time."""

from __future__ import annotations

import torch
from torch import Tensor


def shifted_in_time(pictures: Tensor) -> Tensor:
    """Turn each picture round along time by a random number of columns.

    Parameters
    ----------
    pictures : Tensor, shape (n, height, width), float32

    Returns
    -------
    Tensor, shape (n, height, width), float32
        A new tensor; what leaves at one end comes in at the other.
    """
    n, height, width = pictures.shape
    start = torch.randint(width, (n, 1))
    place = (torch.arange(width) + start) % width
    return torch.gather(pictures, 2, place[:, None, :].expand(n, height, width))


def masked(pictures: Tensor, *, share: float) -> Tensor:
    """Blank one band of rows and one of columns in each picture, with the picture's mean.

    Source: Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition",
    2019, without its time warping.

    Parameters
    ----------
    pictures : Tensor, shape (n, height, width), float32
    share : float
        Longest band as a share of the side, in [0, 1]; each band's length is drawn from 0 up to it.
    """
    n, height, width = pictures.shape
    blank = _bands(n, size=height, share=share)[:, :, None] | _bands(n, size=width, share=share)[:, None, :]
    return torch.where(blank, pictures.mean(dim=(1, 2), keepdim=True), pictures)


def _bands(n: int, *, size: int, share: float) -> Tensor:
    length = torch.rand(n, 1) * (share * size + 1.0)
    start = torch.rand(n, 1) * (size - length)
    place = torch.arange(size)
    return (place >= start.floor()) & (place < start.floor() + length.floor())
