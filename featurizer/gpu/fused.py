"""Turns windows on a GPU into feature vectors by Triton kernels where torch wastes memory traffic.

What stays with torch: the transforms (cuFFT), the mel filters and cosine transform (cuBLAS, with torchaudio's
matrices), the time domain and the tempo, whose arrays are small.
"""

from __future__ import annotations

import torch

from featurizer.gpu.chroma import Chroma
from featurizer.gpu.columns import Mark, Results, features, unmarked
from featurizer.gpu.kernels.chroma import chroma
from featurizer.gpu.kernels.hpss import scale_to_harmonic
from featurizer.gpu.kernels.overlap_add import part_statistics
from featurizer.gpu.kernels.spectral import reduce_spectrogram
from featurizer.gpu.kernels.tuning import TuningKernels
from featurizer.gpu.mel import LogMel
from featurizer.gpu.stft import Precision, Stft
from featurizer.gpu.tempo import Tempo
from featurizer.gpu.time_domain import rms, zero_crossing_rate
from featurizer.spec import FeatureSpec


class Fused:
    """The features of `featurizer.gpu.eager.Eager`, with less memory traffic.

    Parameters
    ----------
    spec : FeatureSpec
        The feature set; its medians have 31 points.
    device : torch.device
        Where the work is done: CUDA, or a CPU under Triton's interpreter.
    precision : {"double", "single"}
        Of the spectrogram's transform.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device, precision: Precision) -> None:
        self._spec = spec
        self._stft = Stft(spec, device=device, precision=precision)
        self._filters = Chroma(spec, device=device).filters
        self._tuning = TuningKernels(spec, device=device)
        self._log_mel = LogMel(spec, device=device)
        self._tempo = Tempo(spec, device=device)

    def __call__(self, windows: torch.Tensor, *, mark: Mark = unmarked) -> torch.Tensor:
        """Featurize windows that are on the device.

        Parameters
        ----------
        windows : torch.Tensor, shape [batch, window_samples], float32, finite, contiguous
        mark : callable
            Called after each stage with its name.

        Returns
        -------
        torch.Tensor, shape [batch, width], float64
        """
        transformed = self._stft.transform(windows)
        mark("stft")
        spectrum = reduce_spectrogram(transformed, spec=self._spec)
        mark("spectral")
        tuning = self._tuning(spectrum.power, loudest=spectrum.loudest)
        pitch_classes = chroma(spectrum.power, tuning=tuning, filters=self._filters)
        mark("chroma")
        decibels = self._log_mel.decibels(spectrum.power)
        mfcc = self._log_mel.mfcc(decibels)
        mark("mel")
        tempo = self._tempo(decibels)
        mark("tempo")
        loudness, crossings = rms(windows, spec=self._spec), zero_crossing_rate(windows, spec=self._spec)
        mark("time_domain")
        # Nobody else needs the spectrogram: it becomes the harmonic part's.
        scale_to_harmonic(spectrum.spectrogram, magnitude=spectrum.magnitude)
        mark("median_mask")
        frames = self._stft.inverse_frames(spectrum.spectrogram)
        mark("inverse")
        harmonic, percussive = part_statistics(
            frames,
            windows=windows,
            taper=self._stft.synthesis_taper,
            gain=self._stft.gain,
            spec=self._spec,
        )
        mark("overlap_add")
        results = Results(
            chroma=pitch_classes,
            rms=loudness,
            centroid=spectrum.centroid,
            bandwidth=spectrum.bandwidth,
            rolloff=spectrum.rolloff,
            zero_crossing_rate=crossings,
            harmonic=harmonic,
            percussive=percussive,
            tempo=tempo,
            mfcc=mfcc,
        )
        columns = features(results)
        mark("statistics")
        return columns
