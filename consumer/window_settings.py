"""Turns settings into which windows of a track are heard, and when a track has been heard enough."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator
from pydantic_settings import NoDecode

from consumer.settings_section import Section
from featurizer.window_policy import WindowPolicy


def _policy_of(value: str | WindowPolicy) -> WindowPolicy:
    if isinstance(value, WindowPolicy):
        return value
    if not isinstance(value, str):
        raise ValueError(f"expected all, first:N or spread:N: {value!r}")
    return WindowPolicy.parse(value)


# NoDecode: the environment's text is the policy, not JSON.
Policy = Annotated[WindowPolicy, PlainValidator(_policy_of), PlainSerializer(str), NoDecode]


class EarlyStopSettings(Section):
    """Stop decoding a track when its label has settled; off where `confidence` is null.

    A track has settled when its top genre has been the same, and at least so confident, after each of the
    last `parts` parts. What comes later in the track is then not heard.
    """

    confidence: Annotated[float, Field(gt=0, le=1)] | None = None
    parts: Annotated[int, Field(ge=1)] = 3
    part_windows: Annotated[int, Field(ge=1, le=16)] = 2
    """Windows that are decoded before the next look."""
