"""Names everything that can be wrong with audio, samples or a device on the way to features."""

from __future__ import annotations

from typing import ClassVar


class FeaturizerError(Exception):
    """Root of this package's errors.

    Attributes
    ----------
    reason : str
        Stable snake_case word for metrics, dead letters and JSON output.
    """

    reason: ClassVar[str] = "featurizer_error"


class AudioError(FeaturizerError):
    """The file cannot be labelled, now or ever: its own bytes are the cause."""

    reason: ClassVar[str] = "bad_audio"


class EmptyFileError(AudioError):
    """The file has no bytes."""

    reason: ClassVar[str] = "empty_file"


class NotAudioError(AudioError):
    """No decoder recognises the bytes as an audio or video container."""

    reason: ClassVar[str] = "not_audio"


class NoAudioStreamError(AudioError):
    """The container is readable but holds no audio stream (a silent video, a picture)."""

    reason: ClassVar[str] = "no_audio_stream"


class CorruptAudioError(AudioError):
    """The container claims audio, but not one window of it can be decoded."""

    reason: ClassVar[str] = "corrupt_audio"


class TooShortError(AudioError):
    """The track decodes cleanly to less than the spec's `min_samples`."""

    reason: ClassVar[str] = "too_short"


class TooLongError(AudioError):
    """The track is longer than the configured limit."""

    reason: ClassVar[str] = "too_long"


class InvalidSamplesError(AudioError):
    """A window holds NaN or infinite samples."""

    reason: ClassVar[str] = "invalid_samples"


class DeviceUnavailableError(FeaturizerError):
    """The device that was asked for is not on this machine."""

    reason: ClassVar[str] = "device_unavailable"


class SetupError(FeaturizerError):
    """What is installed, or an environment variable, does not allow what was asked for."""

    reason: ClassVar[str] = "setup"


class MissingExtraError(SetupError):
    """A library is not installed; the message says which extra of this package brings it."""

    reason: ClassVar[str] = "missing_extra"


class KernelSettingError(SetupError):
    """A setting of the CPU kernels names a level or a folder that cannot be used."""

    reason: ClassVar[str] = "bad_kernel_setting"
