"""Turns a folder with a model in it into a version of a registry's folder: whole or not at all, and once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from modelzoo.errors import RegistryUnavailableError, VersionTakenError
from modelzoo.registry import (
    CARD_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    Artifact,
    read_artifact,
)

HELD_OUT_FILE = "held_out.json"
"""What a model said about tracks that it had not heard: models are compared by it, none is served by it."""

FILES = (MODEL_FILE, CARD_FILE, MANIFEST_FILE)
"""What an artifact is made of; the manifest last, as a version is there once its manifest is."""


def copy_into(root: Path, *, source: Path) -> Artifact:
    """Copy a verified model into a registry's folder; one that is there already and the same is left alone.

    Parameters
    ----------
    root : Path
        Folder of models; made where it is missing.
    source : Path
        Holds `model.onnx`, `manifest.json` and perhaps `CARD.md` and `held_out.json`.

    Returns
    -------
    Artifact
        The model as it now lies in the registry, read back from there.

    Raises
    ------
    ArtifactCorruptError, FingerprintMismatchError
        What `source` holds is no model of ours.
    VersionTakenError
        The registry has another model of this name and version.
    RegistryUnavailableError
        The registry's folder cannot be written to.
    """
    artifact = read_artifact(source)
    home = root / artifact.manifest.name
    final = home / artifact.manifest.version
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{final.name}-", dir=home) as scratch:
            whole = Path(scratch) / final.name
            whole.mkdir()
            (whole / MODEL_FILE).write_bytes(artifact.model)
            for name in (CARD_FILE, HELD_OUT_FILE, MANIFEST_FILE):
                if (source / name).is_file():
                    shutil.copyfile(source / name, whole / name)
            try:
                whole.rename(final)
            except OSError:
                if not final.is_dir():  # it was there before, or another process was quicker
                    raise
    except OSError as exc:
        raise RegistryUnavailableError(f"the registry cannot be written to, path={home}: {exc}") from exc
    return _same(artifact, read_artifact(final))


def check_same(manifest_sha256: str, *, there: str, name: str, version: str) -> None:
    """Refuse a second model under one version: whoever has loaded the first would never hear of it.

    Raises
    ------
    VersionTakenError
        The two SHA-256 of `model.onnx` differ.
    """
    if manifest_sha256 != there:
        raise VersionTakenError(
            f"this version is another model, name={name} version={version} sha256={manifest_sha256[:12]} "
            f"there={there[:12]}: give the new model a new version"
        )


def _same(artifact: Artifact, there: Artifact) -> Artifact:
    manifest = artifact.manifest
    check_same(manifest.sha256, there=there.manifest.sha256, name=manifest.name, version=manifest.version)
    return there
