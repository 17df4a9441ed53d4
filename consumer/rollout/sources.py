"""Turns the registry setting into models: from a folder, from an object store, or from the package itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from consumer.config import Settings
from consumer.model_settings import is_store
from modelzoo.errors import ModelNotFoundError
from modelzoo.manifest import Manifest
from modelzoo.publish import copy_into
from modelzoo.registry import (
    PACKAGED,
    POINTER_FILE,
    Artifact,
    Registry,
    latest_version,
    point_latest,
    read_artifact,
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that a registry holds; `latest` says whether the pointer, or else the number, makes it that."""

    manifest: Manifest
    latest: bool


class ModelSource(Protocol):
    """A registry of models, wherever it lies. Calls block; any thread may make them.

    Every call raises `RegistryUnavailableError` where the place cannot be read or written.
    """

    @property
    def place(self) -> str:
        """Where the models lie, for messages."""

    def latest(self, name: str) -> str:
        """Say which version of a model is the latest now."""

    def load(self, name: str, *, version: str = "latest") -> Artifact:
        """Read a model and verify it."""

    def models(self) -> Sequence[Listed]:
        """Describe every model, by name and then by version, oldest first."""

    def point(self, name: str, *, version: str) -> None:
        """Make a version the latest, at once for every reader."""

    def push(self, folder: Path) -> Manifest:
        """Add the model that lies in a folder; `latest` stays what it is, but for the first of a name."""


class FolderSource:
    """A folder of models, with the packaged ones behind it; a `ModelSource`.

    Parameters
    ----------
    root : Path, optional
        The folder; the packaged models alone where null.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._registry = Registry(root)

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root or PACKAGED)

    def latest(self, name: str) -> str:
        """Say which version of a model is the latest now.

        Raises
        ------
        ModelNotFoundError, ArtifactCorruptError
            There is no such model, or the pointer names no version that is there.
        """
        return self._registry.latest(name)

    def load(self, name: str, *, version: str = "latest") -> Artifact:
        """Read a model and verify it.

        Raises
        ------
        ModelError
            As `modelzoo.registry.Registry.load` does.
        """
        return self._registry.load(name, version=version)

    def models(self) -> Sequence[Listed]:
        """Describe every model.

        Raises
        ------
        ArtifactCorruptError
            A manifest is missing or not valid.
        """
        manifests = self._registry.list()
        latest = {name: self._registry.latest(name) for name in {manifest.name for manifest in manifests}}
        return [Listed(manifest, latest[manifest.name] == manifest.version) for manifest in manifests]

    def point(self, name: str, *, version: str) -> None:
        """Make a version the latest.

        Raises
        ------
        ModelError
            The version is not there, is not whole, or belongs to the package.
        """
        root = self._own_root()
        if not (root / name).is_dir():
            raise ModelNotFoundError(f"no such model to point at, registry={root} name={name!r}")
        self._registry.load(name, version=version)
        point_latest(root / name, version)

    def push(self, folder: Path) -> Manifest:
        """Add the model that lies in a folder.

        Raises
        ------
        ModelError
            It is no model of ours, or another one has its name and version.
        """
        root = self._own_root()
        manifest = read_artifact(folder).manifest
        home = root / manifest.name
        speaks = latest_version(home)
        # Without a pointer the greatest number speaks: that would be the new one, unasked.
        if speaks is not None and not (home / POINTER_FILE).is_file():
            point_latest(home, speaks)
        copy_into(root, source=folder)
        return manifest

    def _own_root(self) -> Path:
        if self._root is None:
            raise ModelNotFoundError(
                "the packaged models cannot be changed: name a registry (model.registry, --registry)"
            )
        return self._root


def open_source(settings: Settings) -> ModelSource:
    """Open the registry that the settings name.

    Raises
    ------
    SettingsError
        The object store's options are not understood.
    """
    registry = settings.model.registry
    if registry is None or not is_store(registry):
        return FolderSource(None if registry is None else Path(registry))
    # Its client takes a while to load, and few need it.
    from consumer.fetch.object_folder import ObjectFolder  # noqa: PLC0415
    from consumer.rollout.store_source import StoreSource  # noqa: PLC0415

    return StoreSource(ObjectFolder(registry, settings=settings.fetch), cache=settings.model.cache)


def load_model(settings: Settings) -> Artifact:
    """Read and verify the model that the settings name.

    Raises
    ------
    ModelError
        It is missing, altered, or fitted to other features; or the registry cannot be read.
    """
    return open_source(settings).load(settings.model.name, version=settings.model.version)
