"""Turns encoded audio into feature vectors: decode, cut into windows, featurize.

What is heavy is imported on first use: ``featurizer.spec`` needs nothing but the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurizer.spec import GTZAN57, FeatureSpec

if TYPE_CHECKING:
    from featurizer.featurizer import Featurizer

__all__ = ["GTZAN57", "FeatureSpec", "Featurizer"]


def __getattr__(name: str) -> Any:
    if name == "Featurizer":
        from featurizer.featurizer import Featurizer  # noqa: PLC0415 - who wants the spec needs no numpy

        return Featurizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
