"""Turns settings into which model speaks, where it is found, and who is tried beside it."""

from __future__ import annotations

from pathlib import Path

from consumer.settings_section import Section


class ModelSettings(Section):
    """Which model speaks, and where it is found."""

    name: str = "gtzan57-mlp"
    version: str = "latest"
    registry: Path | None = None
    """Folder of artifacts; the packaged ones where null."""
    timeline: bool = True
    """Whether labels carry each window's top genre."""
