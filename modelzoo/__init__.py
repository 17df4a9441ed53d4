"""Turns feature vectors into probabilities and probabilities into a label; holds the exported models.

`OnnxScorer` is imported on first use: onnxruntime starts a thread when it is imported, and a process with
threads must not fork, which the decoding children's server does after it has imported `modelzoo.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelzoo.aggregate import Verdict, decide, soft_vote
from modelzoo.errors import (
    ArtifactCorruptError,
    FingerprintMismatchError,
    ModelError,
    ModelNotFoundError,
    ProviderUnavailableError,
)
from modelzoo.manifest import Manifest
from modelzoo.registry import DEFAULT_MODEL, Artifact, Registry

if TYPE_CHECKING:
    from modelzoo.scorer import OnnxScorer

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
    "Verdict",
    "decide",
    "soft_vote",
]


def __getattr__(name: str) -> Any:
    if name == "OnnxScorer":
        from modelzoo.scorer import OnnxScorer  # noqa: PLC0415 - see above

        return OnnxScorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
