"""Pictures are shifted and blanked within their limits, differently each time."""

from __future__ import annotations

import torch

from training.models.images.augmenting import masked, shifted_in_time


def test_a_shift_turns_each_picture_round_along_time_only() -> None:
    pictures = torch.rand(50, 4, 9)
    shifted = shifted_in_time(pictures)
    for before, after in zip(pictures, shifted, strict=True):
        assert any(torch.equal(before.roll(step, dims=1), after) for step in range(9))
    assert not torch.equal(pictures, shifted)


def test_a_mask_blanks_one_band_each_way_of_at_most_its_share() -> None:
    pictures = torch.rand(200, 20, 40)
    blank = masked(pictures, share=0.25) != pictures
    rows, columns = blank.all(dim=2), blank.all(dim=1)
    assert int(rows.sum(dim=1).max()) == 5
    assert int(columns.sum(dim=1).max()) == 10
    assert torch.equal(blank, rows[:, :, None] | columns[:, None, :])
    for bands in (rows, columns):
        edges = (bands[:, 1:] != bands[:, :-1]).sum(dim=1)
        assert int(edges.max()) <= 2


def test_a_share_of_nothing_blanks_nothing() -> None:
    pictures = torch.rand(200, 20, 40)
    assert torch.equal(masked(pictures, share=0.0), pictures)
