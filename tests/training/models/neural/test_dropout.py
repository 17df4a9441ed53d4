"""Bytes leave out the share of units that they are told to, and only in training."""

from __future__ import annotations

import pytest
import torch

from training.models.neural.dropout import ByteDropout


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_share_of_the_units_is_left_out_and_the_mean_stays(share: float) -> None:
    torch.manual_seed(0)
    units = ByteDropout(share)(torch.ones(1_001, 257))
    # A 256th is the finest step; of 257,257 draws the share's own deviation is below 0.001.
    assert float((units == 0.0).float().mean()) == pytest.approx(share, abs=1 / 512 + 0.003)
    assert float(units.mean()) == pytest.approx(1.0, abs=0.005)


def test_gradients_pass_through_what_is_kept_alone() -> None:
    torch.manual_seed(0)
    units = torch.ones(16, 16, requires_grad=True)
    left = ByteDropout(0.5)(units)
    left.sum().backward()
    assert units.grad is not None
    assert torch.equal(units.grad, left.detach())


def test_nothing_is_left_out_in_evaluation_or_without_a_share() -> None:
    units = torch.rand(8, 8)
    assert torch.equal(ByteDropout(0.5).eval()(units), units)
    assert torch.equal(ByteDropout(0.0)(units), units)
