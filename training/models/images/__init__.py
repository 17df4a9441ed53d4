"""Turns pictures of sound into genres by five published architectures."""

from __future__ import annotations

from training.models.images.kinds import KINDS

__all__ = ["KINDS"]
