"""Turns a batch of spectrograms into their sliding medians along time or frequency."""

from __future__ import annotations

import torch

from featurizer.median_network import MedianProgram, sliding_median_program


def sliding_median(values: torch.Tensor, *, size: int) -> torch.Tensor:
    """Take the median of `size` neighbours along the middle axis.

    Parameters
    ----------
    values : torch.Tensor, shape [batch, n, lanes], real
        `n` is the axis along which the median slides; `lanes` are independent.
    size : int
        Length of the median: one less than a power of two.

    Returns
    -------
    torch.Tensor, shape [batch, n, lanes]
        Exactly ``scipy.ndimage.median_filter(values, size=(1, size, 1), mode="reflect")``, whose ``reflect``
        repeats the edge value (``c b a | a b c``), unlike torch's.
    """
    program = sliding_median_program(size)
    n = values.shape[1]
    n_tiles = -(-n // program.n_outputs)
    n_padded = (n_tiles - 1) * program.n_outputs + program.n_inputs
    rows = _reflected_rows(n, before=size // 2, length=n_padded, device=values.device)
    medians = _run(program, values.index_select(1, rows), n_tiles=n_tiles)
    return medians[:, :n]


def _reflected_rows(n: int, *, before: int, length: int, device: torch.device) -> torch.Tensor:
    """Return the row at each padded position: 0 .. n-1 mirrored about its edges, with period ``2 n``."""
    position = torch.remainder(torch.arange(-before, length - before, device=device), 2 * n)
    return torch.minimum(position, 2 * n - 1 - position)


def _run(program: MedianProgram, padded: torch.Tensor, *, n_tiles: int) -> torch.Tensor:
    step_rows = program.n_outputs
    last_row = (n_tiles - 1) * step_rows + 1
    value: dict[int, torch.Tensor] = {
        index: padded[:, index : index + last_row : step_rows] for index in range(program.n_inputs)
    }
    for index, step in enumerate(program.steps):
        operation = torch.minimum if step.kind == "min" else torch.maximum
        value[step.target] = operation(value[step.left], value[step.right])
        # Freeing values as soon as they are dead keeps about 50 of them alive: they stay in the cache.
        for operand in (step.left, step.right):
            if program.last_use[operand] == index:
                value.pop(operand, None)
    return torch.stack([value[output] for output in program.outputs], dim=2).flatten(1, 2)
