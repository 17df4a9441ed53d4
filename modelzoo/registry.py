"""Turns a model's name and version into a verified `Artifact`, from a folder or from the package itself."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from featurizer.spec import GTZAN57, FeatureSpec
from modelzoo.errors import ArtifactCorruptError, FingerprintMismatchError, ModelNotFoundError
from modelzoo.manifest import NAME_PATTERN, VERSION_PATTERN, Manifest

PACKAGED = Path(__file__).parent / "artifacts"
DEFAULT_MODEL = "gtzan57-mlp"
MODEL_FILE = "model.onnx"
MANIFEST_FILE = "manifest.json"
CARD_FILE = "CARD.md"
POINTER_FILE = "latest"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model whose bytes are those that its manifest describes.

    Attributes
    ----------
    manifest : Manifest
        What the model is.
    model_path : Path
        Where `model.onnx` lay.
    model : bytes
        The verified bytes of `model.onnx`. Run these: the file may be replaced after it was verified.
    """

    manifest: Manifest
    model_path: Path
    model: bytes = field(repr=False)


class Registry:
    """Models by name and version: `<root>/<name>/<version>/{model.onnx, manifest.json, CARD.md}`.

    Safe to use from any thread: it holds no state but its roots.

    Parameters
    ----------
    root : Path, optional
        Folder of models. A name and version that it lacks is looked for among the packaged models.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._roots = (PACKAGED,) if root is None else (root, PACKAGED)

    def list(self) -> list[Manifest]:
        """Read the manifest of every model, by name and then by version, oldest first.

        Raises
        ------
        ArtifactCorruptError
            A manifest is missing, unreadable or describes another model than its folder's name says.
        """
        folders: dict[tuple[str, str], Path] = {}
        for root in reversed(self._roots):
            folders.update(_artifact_folders(root))
        ordered = sorted(folders, key=lambda key: (key[0], version_key(key[1])))
        return [_manifest_at(folders[key]) for key in ordered]

    def load(self, name: str, *, version: str = "latest", spec: FeatureSpec = GTZAN57) -> Artifact:
        """Read a model and verify it.

        Parameters
        ----------
        name : str
            Name of the model.
        version : str, optional
            `MAJOR.MINOR.PATCH`, or `latest`: what the pointer file says, else the greatest version.
        spec : FeatureSpec, optional
            The features that will be computed for the model.

        Raises
        ------
        ModelNotFoundError
            There is no such name or version.
        ArtifactCorruptError
            A file is missing or unreadable, or `model.onnx` has another SHA-256 than the manifest says.
        FingerprintMismatchError
            The model was fitted to other features than `spec`'s.
        """
        folder = self._find(name, version)
        artifact = read_artifact(folder, spec=spec)
        check_place(artifact.manifest, folder=folder)
        return artifact

    def latest(self, name: str) -> str:
        """Say which version of a model is the latest.

        Raises
        ------
        ModelNotFoundError
            There is no such name.
        ArtifactCorruptError
            The pointer file holds no version, or one that is not there.
        """
        return self._find(name, "latest").name

    def _find(self, name: str, version: str) -> Path:
        # Matched before any path is built, so that no name can climb out of a root.
        if re.fullmatch(NAME_PATTERN, name) is None:
            raise ModelNotFoundError(
                f"not a model name, name={name!r}: use lower-case letters, digits, hyphens"
            )
        if version != "latest" and re.fullmatch(VERSION_PATTERN, version) is None:
            raise ModelNotFoundError(f"not a version, version={version!r}: use MAJOR.MINOR.PATCH or latest")
        for root in self._roots:
            found = latest_version(root / name) if version == "latest" else version
            if found is not None and (root / name / found).is_dir():
                return root / name / found
        places = ", ".join(str(root) for root in self._roots)
        known = sorted({key[0] for root in self._roots for key in _artifact_folders(root)})
        raise ModelNotFoundError(
            f"no such model, name={name} version={version}: looked in {places}, which hold {', '.join(known)}"
        )


def latest_version(folder: Path) -> str | None:
    """Say which version of a model is the latest.

    Parameters
    ----------
    folder : Path
        The folder that holds the model's versions.

    Returns
    -------
    str or None
        What the pointer file says, else the greatest version by number; None where there is no version.

    Raises
    ------
    ArtifactCorruptError
        The pointer file holds no version, or one that is not there.
    """
    pointer = folder / POINTER_FILE
    try:
        pointed = pointer.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        versions = [key[1] for key in _artifact_folders(folder.parent) if key[0] == folder.name]
        return max(versions, key=version_key, default=None)
    except (OSError, UnicodeDecodeError) as exc:
        raise ArtifactCorruptError(f"the pointer file cannot be read, path={pointer}") from exc
    if re.fullmatch(VERSION_PATTERN, pointed) is None or not (folder / pointed).is_dir():
        raise ArtifactCorruptError(
            f"the pointer file names no version that is there, path={pointer} version={pointed[:40]!r}: "
            "write an existing version into it or remove it"
        )
    return pointed


def point_latest(folder: Path, version: str) -> None:
    """Make a version the latest, at once for every reader.

    Parameters
    ----------
    folder : Path
        The folder that holds the model's versions.
    version : str
        One of them.

    Raises
    ------
    ModelNotFoundError
        The folder holds no such version.
    """
    if re.fullmatch(VERSION_PATTERN, version) is None or not (folder / version).is_dir():
        raise ModelNotFoundError(f"no such version to point at, folder={folder} version={version!r}")
    # A reader sees the old pointer or the new one, never half of one: the file is replaced, not written to.
    handle, scratch = tempfile.mkstemp(prefix=".latest-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{version}\n")
        Path(scratch).chmod(0o644)
        Path(scratch).replace(folder / POINTER_FILE)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def version_key(version: str) -> tuple[int, ...]:
    """Give what versions are ordered by."""
    return tuple(int(number) for number in version.split("."))


def _artifact_folders(root: Path) -> dict[tuple[str, str], Path]:
    if not root.is_dir():
        return {}
    return {
        (folder.parent.name, folder.name): folder
        for folder in root.glob("*/*/")
        if re.fullmatch(NAME_PATTERN, folder.parent.name) and re.fullmatch(VERSION_PATTERN, folder.name)
    }


def read_artifact(folder: Path, *, spec: FeatureSpec = GTZAN57) -> Artifact:
    """Read the model that lies in a folder, wherever that is, and verify it.

    Parameters
    ----------
    folder : Path
        Holds `model.onnx` and `manifest.json`.
    spec : FeatureSpec, optional
        The features that will be computed for the model.

    Raises
    ------
    ArtifactCorruptError
        A file is missing or unreadable, or `model.onnx` has another SHA-256 than the manifest says.
    FingerprintMismatchError
        The model was fitted to other features than `spec`'s.
    """
    manifest = read_manifest(folder)
    model_path = folder / MODEL_FILE
    try:
        model = model_path.read_bytes()
    except OSError as exc:
        raise ArtifactCorruptError(
            f"the model file cannot be read, path={model_path}: copy the artifact again"
        ) from exc
    digest = hashlib.sha256(model).hexdigest()
    if digest != manifest.sha256:
        raise ArtifactCorruptError(
            f"the model file is not the one its manifest describes, path={model_path} sha256={digest} "
            f"expected={manifest.sha256}: copy the artifact again"
        )
    _check_features(manifest, spec)
    return Artifact(manifest=manifest, model_path=model_path, model=model)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest that lies in a folder.

    Raises
    ------
    ArtifactCorruptError
        It is missing, unreadable or not valid.
    """
    path = folder / MANIFEST_FILE
    try:
        return parse_manifest(path.read_bytes(), path=str(path))
    except OSError as exc:
        raise ArtifactCorruptError(
            f"the manifest cannot be read, path={path}: copy the artifact again"
        ) from exc


def parse_manifest(body: bytes, *, path: str) -> Manifest:
    """Read a manifest's bytes; `path` says in the message of an `ArtifactCorruptError` where they lay."""
    try:
        return Manifest.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise ArtifactCorruptError(
            f"the manifest is not valid, path={path} at={where}: {first['msg']}"
        ) from exc


def check_place(manifest: Manifest, *, folder: Path) -> None:
    """Refuse a manifest that lies in the folder of another model.

    Raises
    ------
    ArtifactCorruptError
        Its name or version is not its folders'.
    """
    if (manifest.name, manifest.version) != (folder.parent.name, folder.name):
        raise ArtifactCorruptError(
            f"the manifest describes another model, path={folder / MANIFEST_FILE} name={manifest.name} "
            f"version={manifest.version}: put it into the folders that it names"
        )


def _manifest_at(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    check_place(manifest, folder=folder)
    return manifest


def _check_features(manifest: Manifest, spec: FeatureSpec) -> None:
    if manifest.spec_fingerprint != spec.fingerprint or manifest.feature_names != spec.feature_names:
        raise FingerprintMismatchError(
            f"the model was fitted to other features, name={manifest.name} version={manifest.version} "
            f"feature_set={manifest.feature_set} fingerprint={manifest.spec_fingerprint[:12]} "
            f"expected={spec.name}/{spec.fingerprint[:12]}: use a model trained with this release"
        )
