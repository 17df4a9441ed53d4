"""Turns one window into features by librosa 0.11 with nothing computed twice: the best baseline there is.

Every number comes from librosa's own functions; what differs from plain calls changes no feature by more
than rounding:

- one STFT for all features, one magnitude and one power spectrogram;
- the two 31-point medians of HPSS by scipy's one-dimensional median filter over rows that lie padded one
  after another: 12 ms a window against 109 of scipy's two-dimensional one, which librosa calls;
- the two soft masks add up to 1, so the percussive part is what the harmonic one leaves: one mask and one
  inverse STFT for two;
- tempo from the onset envelope that `librosa.beat.beat_track` uses, without tracking beats;
- filter banks are kept, the chroma filters for each tuning that was met.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from featurizer.spec import GTZAN57, FeatureSpec

Array = NDArray[np.float32]

_TUNINGS = 128
"""Tuning is a multiple of 0.01 of a semitone in [-0.5, 0.5): there are 100."""


class TunedLibrosa:
    """Computes `gtzan57` features; one thread at a time.

    Parameters
    ----------
    spec : FeatureSpec
        Rate and sizes of the features.
    """

    def __init__(self, spec: FeatureSpec = GTZAN57) -> None:
        self._spec = spec
        self._mel_filters: Array = librosa.filters.mel(
            sr=spec.sample_rate, n_fft=spec.n_fft, n_mels=spec.n_mels
        )
        self._chroma_filters = lru_cache(maxsize=_TUNINGS)(self._make_chroma_filters)

    def __call__(self, window: Array) -> NDArray[np.float64]:
        """Compute the features of one window.

        Parameters
        ----------
        window : numpy.ndarray, shape [n_samples], float32, finite
            Mono samples.

        Returns
        -------
        numpy.ndarray, shape [57], float64
            In the order of the spec's names, within 1e-4 standard deviations of `reference_features`, with
            equal tempo.
        """
        spec, rate = self._spec, self._spec.sample_rate
        spectrum = librosa.stft(window, n_fft=spec.n_fft, hop_length=spec.hop_length)
        magnitude = np.abs(spectrum)
        power = magnitude**2
        centroid = librosa.feature.spectral_centroid(S=magnitude, sr=rate)
        harmonic = self._harmonic(window, spectrum, magnitude)
        series = (
            self._chroma(power),
            librosa.feature.rms(y=window),
            centroid,
            librosa.feature.spectral_bandwidth(S=magnitude, sr=rate, centroid=centroid),
            librosa.feature.spectral_rolloff(S=magnitude, sr=rate),
            librosa.feature.zero_crossing_rate(window),
            harmonic,
            window - harmonic,
        )
        decibels = librosa.power_to_db(self._mel_filters @ power)
        mfcc = librosa.feature.mfcc(S=decibels, n_mfcc=spec.n_mfcc)
        features = [*_means_and_vars(*series), self._tempo(decibels), *_means_and_vars(*mfcc)]
        return np.array(features, dtype=np.float64)

    def _harmonic(self, window: Array, spectrum: NDArray[np.complex64], magnitude: Array) -> Array:
        kernel = self._spec.hpss_kernel
        mask = librosa.util.softmask(
            _median_along_rows(magnitude, kernel=kernel),
            _median_along_rows(np.ascontiguousarray(magnitude.T), kernel=kernel).T,
            power=2.0,
            split_zeros=True,
        )
        samples: Array = librosa.istft(spectrum * mask, hop_length=self._spec.hop_length, length=len(window))
        return samples

    def _chroma(self, power: Array) -> Array:
        with warnings.catch_warnings():
            # Silence has no pitch to tune to: librosa says so and takes 0.
            warnings.filterwarnings("ignore", message="Trying to estimate tuning from empty frequency set")
            tuning = librosa.estimate_tuning(
                S=power, sr=self._spec.sample_rate, bins_per_octave=self._spec.n_chroma
            )
        chroma: Array = librosa.util.normalize(
            self._chroma_filters(float(tuning)) @ power, norm=np.inf, axis=0
        )
        return chroma

    def _make_chroma_filters(self, tuning: float) -> Array:
        spec = self._spec
        filters: Array = librosa.filters.chroma(
            sr=spec.sample_rate, n_fft=spec.n_fft, tuning=tuning, n_chroma=spec.n_chroma
        )
        return filters

    def _tempo(self, decibels: Array) -> float:
        envelope = librosa.onset.onset_strength(S=decibels, sr=self._spec.sample_rate, aggregate=np.median)
        if not envelope.any():  # no onset, no beat: 0 is what the beat tracker says
            return 0.0
        return float(librosa.feature.tempo(onset_envelope=envelope, sr=self._spec.sample_rate)[0])


def _median_along_rows(rows: Array, *, kernel: int) -> Array:
    half = kernel // 2
    padded = np.pad(rows, ((0, 0), (half, half)), mode="symmetric")
    flat = median_filter(padded.ravel(), size=kernel, mode="nearest")
    medians: Array = flat.reshape(padded.shape)[:, half:-half]
    return medians


def _means_and_vars(*series: NDArray[np.floating]) -> list[float]:
    return [float(statistic(values)) for values in series for statistic in (np.mean, np.var)]
