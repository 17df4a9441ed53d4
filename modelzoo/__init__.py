"""Turns feature vectors into probabilities and probabilities into a label; holds the exported models."""

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
