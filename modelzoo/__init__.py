"""Turns feature vectors into probabilities and probabilities into a label; holds the exported models.

Every name is imported on first use. Whoever needs the errors only loads no numpy; and onnxruntime starts
a thread when it is imported, while a process that forks, as the decoding children's server does, must have
none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelzoo.aggregate import Verdict, decide, soft_vote
    from modelzoo.errors import (
        ArtifactCorruptError,
        FingerprintMismatchError,
        ModelError,
        ModelNotFoundError,
        ProviderUnavailableError,
        RegistryUnavailableError,
        VersionTakenError,
    )
    from modelzoo.manifest import Manifest
    from modelzoo.registry import DEFAULT_MODEL, Artifact, Registry
    from modelzoo.scorer import OnnxScorer

_HOMES = {
    "aggregate": ("Verdict", "decide", "soft_vote"),
    "errors": (
        "ArtifactCorruptError",
        "FingerprintMismatchError",
        "ModelError",
        "ModelNotFoundError",
        "ProviderUnavailableError",
        "RegistryUnavailableError",
        "VersionTakenError",
    ),
    "manifest": ("Manifest",),
    "registry": ("DEFAULT_MODEL", "Artifact", "Registry"),
    "scorer": ("OnnxScorer",),
}

__all__ = [
    "DEFAULT_MODEL",
    "Artifact",
    "ArtifactCorruptError",
    "FingerprintMismatchError",
    "Manifest",
    "ModelError",
    "ModelNotFoundError",
    "OnnxScorer",
    "ProviderUnavailableError",
    "Registry",
    "RegistryUnavailableError",
    "Verdict",
    "VersionTakenError",
    "decide",
    "soft_vote",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"modelzoo.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
