"""Turns windows of samples into what networks see and hear of them: mel pictures and cepstral series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from featurizer.spec import FeatureSpec
from featurizer.tables import POWER_FLOOR, cosine_table, hann, mel_filters

_FLOOR_DB: Final = 10.0 * np.log10(POWER_FLOOR)


@dataclass(frozen=True, slots=True)
class Spectra:
    """Computes pictures and series of windows, by the service's own filters and numbers.

    Attributes
    ----------
    spec : FeatureSpec
        Sizes and rates.
    taper : ndarray, shape (n_fft,), float32
        Hann, periodic.
    filters : ndarray, shape (n_mels, n_fft / 2 + 1), float32
        From power to mel bands.
    cosines : ndarray, shape (n_mfcc, n_mels), float32
        From decibels to cepstral coefficients.
    """

    spec: FeatureSpec
    taper: NDArray[np.float32]
    filters: NDArray[np.float32]
    cosines: NDArray[np.float32]

    @classmethod
    def of(cls, spec: FeatureSpec) -> Self:
        """Make the tables of a feature set."""
        return cls(spec, hann(spec.n_fft).astype(np.float32), mel_filters(spec), cosine_table(spec))

    def pictures(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute log-mel pictures.

        Parameters
        ----------
        windows : ndarray, shape (n, window_samples), float32
            Mono samples, finite.

        Returns
        -------
        ndarray, shape (n, n_mels, n_frames), float32, in [0, 1]
            Low bands first. 1 is the loudest point of a window, 0 is `top_db` below it or less; a window
            without any sound is 0 everywhere.
        """
        decibels = self.decibels(windows)
        loudest = decibels.max(axis=(1, 2), keepdims=True)
        pictures = 1.0 + (decibels - loudest) / self.spec.top_db
        return np.where(loudest > _FLOOR_DB, pictures, 0.0).astype(np.float32)

    def series(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute cepstral coefficients frame by frame.

        Returns
        -------
        ndarray, shape (n, n_frames, n_mfcc), float32
            Within 2e-3 of ``librosa.feature.mfcc`` (0.11) with its defaults, of values up to some hundreds.
        """
        cepstra: NDArray[np.float32] = self.cosines @ self.decibels(windows)
        return np.swapaxes(cepstra, 1, 2).copy()

    def decibels(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the mel bands' power, as ``librosa.power_to_db(librosa.feature.melspectrogram(...))``.

        Returns
        -------
        ndarray, shape (n, n_mels, n_frames), float32
            In dB, at most `top_db` below each window's maximum.
        """
        spec = self.spec
        half = spec.n_fft // 2
        padded = np.pad(windows, ((0, 0), (half, half)))
        frames = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft, axis=1)[:, :: spec.hop_length]
        spectrum: NDArray[np.complex64] = rfft(frames * self.taper, axis=2)
        power = spectrum.real**2 + spectrum.imag**2
        mel = self.filters @ np.swapaxes(power, 1, 2)
        decibels = 10.0 * np.log10(np.maximum(mel, POWER_FLOOR))
        lowest = decibels.max(axis=(1, 2), keepdims=True) - spec.top_db
        limited: NDArray[np.float32] = np.maximum(decibels, lowest).astype(np.float32)
        return limited
