"""Turns a prefix in an object store into models, through verified copies in a folder of this machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from consumer.errors import FetchError
from consumer.rollout.sources import Listed
from modelzoo.errors import ArtifactCorruptError, ModelNotFoundError, RegistryUnavailableError
from modelzoo.manifest import NAME_PATTERN, VERSION_PATTERN, Manifest
from modelzoo.publish import FILES, check_same, copy_into
from modelzoo.registry import (
    CARD_FILE,
    MANIFEST_FILE,
    POINTER_FILE,
    Artifact,
    Registry,
    parse_manifest,
    point_latest,
    read_artifact,
    read_manifest,
    version_key,
)

if TYPE_CHECKING:
    from consumer.fetch.object_folder import ObjectFolder

_log = structlog.get_logger(__name__)


class StoreSource:
    """Models in an object store, with the packaged ones behind them: a `ModelSource`.

    A version never changes, so what was once copied and verified is not asked for again: a worker that is
    started while the store is away goes on with the models that this machine has.

    Parameters
    ----------
    store : ObjectFolder
        `<prefix>/<name>/<version>/{model.onnx, manifest.json, CARD.md}` and `<prefix>/<name>/latest`.
    cache : Path, optional
        Folder for the copies; `genrestream/models` in the user's cache where null.
    """

    def __init__(self, store: ObjectFolder, *, cache: Path | None = None) -> None:
        self._store = store
        # One folder a registry: two may hold different models of one name.
        key = hashlib.sha256(store.url.encode()).hexdigest()[:16]
        self._cache = (cache if cache is not None else _user_cache()) / key
        self._copies = Registry(self._cache)

    @property
    def place(self) -> str:
        """The prefix."""
        return self._store.url

    def latest(self, name: str) -> str:
        """Say which version of a model is the latest now.

        Raises
        ------
        ModelNotFoundError
            There is no such model, in the store or in the package.
        ArtifactCorruptError
            The pointer holds no version.
        RegistryUnavailableError
            The store cannot be read.
        """
        if re.fullmatch(NAME_PATTERN, name) is None:
            return Registry().latest(name)  # says what is wrong with it
        with _translated():
            pointer = self._store.read(f"{name}/{POINTER_FILE}")
            if pointer is None:
                versions = self._versions(name)
        if pointer is not None:
            return _pointed(pointer, where=f"{self.place}/{name}/{POINTER_FILE}")
        return max(versions, key=version_key) if versions else Registry().latest(name)

    def load(self, name: str, *, version: str = "latest") -> Artifact:
        """Read a model and verify it; copies it first where this machine has no whole copy.

        Raises
        ------
        ModelError
            It is missing, altered or fitted to other features, or the store cannot be read and there is no
            copy.
        """
        if version == "latest":
            artifact = self.load(name, version=self._latest_or_last_known(name))
            self._remember(artifact.manifest)
            return artifact
        if re.fullmatch(NAME_PATTERN, name) is None or re.fullmatch(VERSION_PATTERN, version) is None:
            return self._copies.load(name, version=version)  # says what is wrong with it
        if (self._cache / name / version).is_dir():
            try:
                return self._copies.load(name, version=version)
            except ArtifactCorruptError as exc:
                _log.warning("copy of a model is damaged: copied anew", error=str(exc))
                shutil.rmtree(self._cache / name / version, ignore_errors=True)
        self._copy(name, version)
        return self._copies.load(name, version=version)

    def models(self) -> Sequence[Listed]:
        """Describe every model of the store and of the package.

        Raises
        ------
        ArtifactCorruptError
            A manifest is not valid.
        RegistryUnavailableError
            The store cannot be read.
        """
        found = {(manifest.name, manifest.version): manifest for manifest in Registry().list()}
        with _translated():
            for name in self._store.folders():
                for version in self._versions(name) if re.fullmatch(NAME_PATTERN, name) else ():
                    found[name, version] = self._manifest(name, version)
        latest = {name: self.latest(name) for name, _ in found}
        ordered = sorted(found, key=lambda key: (key[0], version_key(key[1])))
        return [Listed(found[key], latest[key[0]] == key[1]) for key in ordered]

    def point(self, name: str, *, version: str) -> None:
        """Make a version the latest, at once for every reader.

        Raises
        ------
        ModelError
            The version is not in the store, or not whole there, or the store cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="genrestream-model-") as scratch, _translated():
            # What speaks next is read from the store itself: a copy would not show that it is gone.
            if not self._fetch(name, version, Path(scratch)):
                raise ModelNotFoundError(
                    f"no such version to point at, registry={self.place} name={name} version={version!r}"
                )
            read_artifact(Path(scratch))
            self._store.write(f"{name}/{POINTER_FILE}", f"{version}\n".encode())

    def push(self, folder: Path) -> Manifest:
        """Add the model that lies in a folder, its manifest last.

        Raises
        ------
        ModelError
            It is no model of ours, another one has its name and version, or the store cannot be written.
        """
        artifact = read_artifact(folder)
        manifest = artifact.manifest
        home = f"{manifest.name}/{manifest.version}"
        with _translated():
            there = self._store.read(f"{home}/{MANIFEST_FILE}")
            if there is not None:
                sha256 = parse_manifest(there, path=f"{self.place}/{home}/{MANIFEST_FILE}").sha256
                check_same(manifest.sha256, there=sha256, name=manifest.name, version=manifest.version)
            self._keep_latest(manifest.name)
            for name in FILES:
                if name != CARD_FILE or (folder / name).is_file():
                    self._store.write(f"{home}/{name}", (folder / name).read_bytes())
        return manifest

    def _latest_or_last_known(self, name: str) -> str:
        try:
            version = self.latest(name)
        except RegistryUnavailableError as exc:
            if not (self._cache / name / POINTER_FILE).is_file():
                raise
            version = self._copies.latest(name)
            _log.warning("registry is away: the last known latest is used", version=version, error=str(exc))
        return version

    def _keep_latest(self, name: str) -> None:
        """Write the pointer down where there is none: the greatest number would be the new one, unasked."""
        versions = self._versions(name)
        if versions and self._store.read(f"{name}/{POINTER_FILE}") is None:
            self._store.write(f"{name}/{POINTER_FILE}", f"{max(versions, key=version_key)}\n".encode())

    def _remember(self, latest: Manifest) -> None:
        home = self._cache / latest.name
        if (home / latest.version).is_dir():  # the packaged ones are always there
            try:
                point_latest(home, latest.version)
            except OSError as exc:
                _log.warning("latest version cannot be kept", path=str(home), error=str(exc))

    def _copy(self, name: str, version: str) -> None:
        with tempfile.TemporaryDirectory(prefix="genrestream-model-") as scratch:
            with _translated():
                found = self._fetch(name, version, Path(scratch))
            if found:
                copy_into(self._cache, source=Path(scratch))

    def _fetch(self, name: str, version: str, folder: Path) -> bool:
        bodies = {file: self._store.read(f"{name}/{version}/{file}") for file in FILES}
        if bodies[MANIFEST_FILE] is None:
            return False
        for file, body in bodies.items():
            if body is not None:
                (folder / file).write_bytes(body)
        manifest = read_manifest(folder)
        if (manifest.name, manifest.version) != (name, version):
            raise ArtifactCorruptError(
                f"the manifest describes another model, path={self.place}/{name}/{version} "
                f"name={manifest.name} version={manifest.version}: put it where it belongs"
            )
        return True

    def _versions(self, name: str) -> list[str]:
        return [version for version in self._store.folders(name) if re.fullmatch(VERSION_PATTERN, version)]

    def _manifest(self, name: str, version: str) -> Manifest:
        path = f"{name}/{version}/{MANIFEST_FILE}"
        return parse_manifest(self._store.read(path) or b"", path=f"{self.place}/{path}")


def _pointed(body: bytes, *, where: str) -> str:
    version = body.decode("utf-8", "replace").strip()
    if re.fullmatch(VERSION_PATTERN, version) is None:
        raise ArtifactCorruptError(
            f"the pointer names no version, path={where} version={version[:40]!r}: "
            "point it at one, or remove it"
        )
    return version


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FetchError as exc:
        raise RegistryUnavailableError(f"the registry cannot be used: {exc}") from exc


def _user_cache() -> Path:
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return caches.expanduser() / "genrestream" / "models"
