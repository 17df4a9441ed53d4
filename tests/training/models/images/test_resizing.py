"""Products of matrices resize and pool as torch's own operators do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from training.models.images.resizing import AdaptivePooling, Resizing, cover


@pytest.mark.parametrize(("n_in", "n_out"), [(128, 64), (248, 32), (130, 75), (20, 32), (1, 7), (5, 5)])
def test_each_pixel_is_a_mean_and_each_that_comes_in_counts_alike(n_in: int, n_out: int) -> None:
    shares = cover(n_in, n_out)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(shares.sum(axis=0), n_out / n_in, rtol=1e-5)


def test_a_whole_factor_is_plain_average_pooling() -> None:
    pictures = torch.rand(3, 128, 96)
    small = Resizing(height_in=128, width_in=96, height=32, width=32)(pictures)
    torch.testing.assert_close(small, nn.functional.avg_pool2d(pictures, (4, 3)))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (7, 7), (9, 14)])
def test_adaptive_pooling_equals_torchs(height: int, width: int) -> None:
    maps = torch.rand(2, 5, height, width)
    pooled = AdaptivePooling(height_in=height, width_in=width, size=7)(maps)
    torch.testing.assert_close(pooled, nn.AdaptiveAvgPool2d(7)(maps))
