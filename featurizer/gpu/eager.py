"""Turns windows on a device into feature vectors by the torch stages alone: the oracle of the kernels."""

from __future__ import annotations

import torch

from featurizer.gpu.chroma import Chroma
from featurizer.gpu.columns import Mark, Results, features, unmarked
from featurizer.gpu.hpss import harmonic_spectrogram
from featurizer.gpu.mel import LogMel
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.spectral import SpectralShape
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.stft import Precision, Stft
from featurizer.gpu.tempo import Tempo
from featurizer.gpu.time_domain import rms, zero_crossing_rate
from featurizer.spec import FeatureSpec


class Eager:
    """The `gtzan57` features in batched torch operations whose shapes do not depend on the data.

    Parameters
    ----------
    spec : FeatureSpec
        The feature set.
    device : torch.device
        Where the work is done.
    precision : {"double", "single"}
        Of the spectrogram's transform.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device, precision: Precision) -> None:
        self._spec = spec
        self._stft = Stft(spec, device=device, precision=precision)
        self._chroma = Chroma(spec, device=device)
        self._shape = SpectralShape(spec, device=device)
        self._log_mel = LogMel(spec, device=device)
        self._tempo = Tempo(spec, device=device)

    def __call__(self, windows: torch.Tensor, *, mark: Mark = unmarked) -> torch.Tensor:
        """Featurize windows that are on the device.

        Parameters
        ----------
        windows : torch.Tensor, shape [batch, window_samples], float32, finite
        mark : callable
            Called after each stage with its name.

        Returns
        -------
        torch.Tensor, shape [batch, width], float64
        """
        spectrogram = self._stft.forward(windows)
        mark("stft")
        amplitude = magnitude(spectrogram)
        power = amplitude.square()
        centroid, bandwidth = self._shape.centroid_and_bandwidth(amplitude)
        rolloff = self._shape.rolloff(amplitude)
        mark("spectral")
        chroma = self._chroma(power)
        mark("chroma")
        decibels = self._log_mel.decibels(power)
        mfcc = self._log_mel.mfcc(decibels)
        mark("mel")
        tempo = self._tempo(decibels)
        mark("tempo")
        loudness, crossings = rms(windows, spec=self._spec), zero_crossing_rate(windows, spec=self._spec)
        mark("time_domain")
        scaled = harmonic_spectrogram(spectrogram, magnitude=amplitude, kernel=self._spec.hpss_kernel)
        mark("median_mask")
        frames = self._stft.inverse_frames(scaled)
        mark("inverse")
        harmonic = self._stft.overlap_add(frames)
        parts = mean_and_var(harmonic), mean_and_var(windows - harmonic)
        mark("overlap_add")
        results = Results(
            chroma=chroma,
            rms=loudness,
            centroid=centroid,
            bandwidth=bandwidth,
            rolloff=rolloff,
            zero_crossing_rate=crossings,
            harmonic=parts[0],
            percussive=parts[1],
            tempo=tempo,
            mfcc=mfcc,
        )
        columns = features(results)
        mark("statistics")
        return columns
