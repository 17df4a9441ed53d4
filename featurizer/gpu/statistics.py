"""Turns a feature's values over a window into their mean and variance."""

from __future__ import annotations

import torch


def mean_and_var(values: torch.Tensor) -> torch.Tensor:
    """Take mean and population variance over the last axis, in double precision.

    Parameters
    ----------
    values : torch.Tensor, shape [..., n], real

    Returns
    -------
    torch.Tensor, shape [..., 2], float64
        Mean, then variance (divided by `n`, as ``numpy.var`` does).
    """
    variance, mean = torch.var_mean(values.double(), dim=-1, correction=0)
    return torch.stack((mean, variance), dim=-1)
