"""Turns tables of features and of series into fitted neural networks: perceptrons and LSTMs."""

from __future__ import annotations

from training.models.neural.kinds import KINDS

__all__ = ["KINDS"]
