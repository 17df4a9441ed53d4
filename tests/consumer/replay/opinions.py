"""Makes opinions of a model for tests, each from the little that matters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from consumer.replay.standing import Opinion
from tests.consumer.engines import MOMENT


def opinion(
    genre: str | None,
    confidence: float = 0.8,
    *,
    shares: Mapping[str, float] | None = None,
    version: str = "1.0.0",
    days: int = 0,
    agrees: bool | None = None,
) -> Opinion:
    """Give what a model says of an upload of day `days`; the rest of the probability is the blues'."""
    top = genre or "jazz"
    return Opinion(
        genre=genre,
        confidence=confidence,
        shares=shares or {top: confidence, "blues": 1.0 - confidence},
        model="linear",
        version=version,
        uploaded_at=MOMENT + timedelta(days=days),
        agrees=agrees,
    )
