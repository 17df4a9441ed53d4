"""Names everything that can be wrong with a model before it scores its first window."""

from __future__ import annotations

from typing import ClassVar


class ModelError(Exception):
    """Root of this package's errors: no track is at fault, and none can be labelled until it is mended.

    Attributes
    ----------
    reason : str
        Stable snake_case word for metrics, logs and JSON output.
    """

    reason: ClassVar[str] = "model_error"


class ModelNotFoundError(ModelError):
    """No artifact has the name and version that were asked for."""

    reason: ClassVar[str] = "model_not_found"


class ArtifactCorruptError(ModelError):
    """The artifact's files are missing, truncated, altered or do not describe each other."""

    reason: ClassVar[str] = "artifact_corrupt"


class FingerprintMismatchError(ModelError):
    """The model was fitted to other features than those that will be computed."""

    reason: ClassVar[str] = "fingerprint_mismatch"


class ProviderUnavailableError(ModelError):
    """The device that was asked for cannot run the model on this machine."""

    reason: ClassVar[str] = "provider_unavailable"


class RegistryUnavailableError(ModelError):
    """The place that holds the models cannot be read or written now."""

    reason: ClassVar[str] = "registry_unavailable"


class VersionTakenError(ModelError):
    """A version of that number is there already, and it is another model."""

    reason: ClassVar[str] = "version_taken"
