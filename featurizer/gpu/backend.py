"""Turns a batch of windows into feature vectors by running every stage once over the batch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.gpu.chroma import Chroma
from featurizer.gpu.hpss import harmonic_and_percussive
from featurizer.gpu.mel import LogMel
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.spectral import SpectralShape
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.stft import Stft
from featurizer.gpu.tempo import Tempo
from featurizer.gpu.time_domain import rms, zero_crossing_rate
from featurizer.gpu.transfer import Transfer
from featurizer.spec import FeatureSpec


class GpuBackend:
    """The `gtzan57` features in batched torch operations.

    Holds constants only, so any number of threads may call it at once.

    Parameters
    ----------
    spec : FeatureSpec
        The feature set, which must be `gtzan57`.
    device : {"cpu", "cuda"}
        Where the work is done.

    Raises
    ------
    ValueError
        If this back end does not compute the feature set.
    """

    def __init__(self, spec: FeatureSpec, *, device: str) -> None:
        if spec.name != "gtzan57":
            raise ValueError(f"the GPU back end computes gtzan57 only: spec.name={spec.name!r}")
        self._spec = spec
        place = torch.device(device)
        self._transfer = Transfer(place)
        self._stft = Stft(spec, device=place)
        self._chroma = Chroma(spec, device=place)
        self._shape = SpectralShape(spec, device=place)
        self._log_mel = LogMel(spec, device=place)
        self._tempo = Tempo(spec, device=place)
        if place.type == "cuda":
            # The constants were uploaded on another stream than those that will read them.
            torch.cuda.synchronize(place)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Featurize one chunk.

        Parameters
        ----------
        windows : numpy.ndarray, shape [batch, window_samples], float32, finite

        Returns
        -------
        numpy.ndarray, shape [batch, width], float32
        """
        with torch.inference_mode(), self._transfer.stream():
            return self._transfer.download(self.features(self._transfer.upload(windows)))

    def features(self, windows: torch.Tensor) -> torch.Tensor:
        """Featurize windows that are on the device.

        Parameters
        ----------
        windows : torch.Tensor, shape [batch, window_samples], float32, finite

        Returns
        -------
        torch.Tensor, shape [batch, width], float64
        """
        spectrogram = self._stft.forward(windows)
        amplitude = magnitude(spectrogram)
        power = amplitude.square()
        centroid, bandwidth = self._shape.centroid_and_bandwidth(amplitude)
        decibels = self._log_mel.decibels(power)
        harmonic, percussive = harmonic_and_percussive(
            windows,
            spectrogram=spectrogram,
            magnitude=amplitude,
            stft=self._stft,
            kernel=self._spec.hpss_kernel,
        )
        columns = (
            mean_and_var(self._chroma(power).flatten(1)),
            mean_and_var(rms(windows, spec=self._spec)),
            mean_and_var(centroid),
            mean_and_var(bandwidth),
            mean_and_var(self._shape.rolloff(amplitude)),
            mean_and_var(zero_crossing_rate(windows, spec=self._spec)),
            mean_and_var(harmonic),
            mean_and_var(percussive),
            self._tempo(decibels)[:, None],
            mean_and_var(self._log_mel.mfcc(decibels)).flatten(1),
        )
        return torch.cat(columns, dim=1)
