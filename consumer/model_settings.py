"""Turns settings into which model speaks, where it is found, and who is tried beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from consumer.settings_section import Section
from modelzoo.manifest import NAME_PATTERN, VERSION_PATTERN

LATEST: Final = "latest"
LEAST_DRIFT_TRACKS: Final = 500
"""Fewer tracks drift by chance alone: of 300 draws of so many tracks from the default model's own training
tracks, the index of the worst of 57 features was 0.038 at most with 500, 0.053 with 300, 0.11 with 200."""

_STORE: Final = re.compile(r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(/.*)?")


class Reference(NamedTuple):
    """Which model is meant: `latest` is a version too."""

    name: str
    version: str


def parse_reference(text: str) -> Reference:
    """Read `NAME[@VERSION]`; no version means the latest.

    Raises
    ------
    ValueError
        It is not written like that.
    """
    name, _, version = text.partition("@")
    version = version or LATEST
    if re.fullmatch(NAME_PATTERN, name) is None or text.endswith("@"):
        raise ValueError(f"not a model, {text!r}: write NAME or NAME@VERSION")
    if version != LATEST and re.fullmatch(VERSION_PATTERN, version) is None:
        raise ValueError(f"not a version, {text!r}: write MAJOR.MINOR.PATCH or latest")
    return Reference(name, version)


def is_store(registry: str) -> bool:
    """Say whether a registry is a prefix in an object store; else it is a folder."""
    return "://" in registry


def _model(text: str) -> str:
    parse_reference(text)
    return text


def _place(text: str) -> str:
    if is_store(text) and _STORE.fullmatch(text) is None:
        raise ValueError("write a folder, or s3://bucket/prefix (gs, az)")
    return text.rstrip("/") or "/"


def _drift(tracks: int) -> int:
    if 0 < tracks < LEAST_DRIFT_TRACKS:
        raise ValueError(f"0, or at least {LEAST_DRIFT_TRACKS}: fewer tracks drift by chance alone")
    return tracks


Model = Annotated[str, AfterValidator(_model)]
Place = Annotated[str, Field(min_length=1), AfterValidator(_place)]


class ModelSettings(Section):
    """Which model speaks, where it is found, and who is tried beside it."""

    name: str = "gtzan57-mlp"
    version: str = LATEST
    registry: Place | None = None
    """Folder of artifacts, or `s3://bucket/prefix` (gs, az; with `fetch.store_options`); the packaged ones
    where null, and behind any other."""
    cache: Path | None = None
    """Folder for what came from an object store; `genrestream/models` in the user's cache where null."""
    timeline: bool = True
    """Whether labels carry each window's top genre."""
    reload_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How often to ask for another latest version; 0 means never. A pinned version is never replaced."""
    shadow: Model | None = None
    """`NAME[@VERSION]` of a model that scores the same features and is only counted."""
    canary: Model | None = None
    """`NAME[@VERSION]` of a model that labels its share of the tracks."""
    canary_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The canary's share; a track is always on the same side, by the hash of its id."""
    drift_tracks: Annotated[int, AfterValidator(_drift)] = 2_000
    """Tracks that drift is measured over, the latest ones; 0 means not at all."""
