"""Turns encoded audio into feature vectors: decode, cut into windows, featurize.

Names that need torch are imported on first use: ``featurizer.spec`` and ``featurizer.decode`` stay light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurizer.spec import GTZAN57, FeatureSpec

if TYPE_CHECKING:
    from featurizer.featurizer import Featurizer

__all__ = ["GTZAN57", "FeatureSpec", "Featurizer"]


def __getattr__(name: str) -> Any:
    if name == "Featurizer":
        from featurizer.featurizer import Featurizer  # noqa: PLC0415  (torch takes seconds to import)

        return Featurizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
