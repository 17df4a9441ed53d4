"""Turns samples into a complex spectrogram and back, in librosa's framing and precision."""

from __future__ import annotations

from typing import Final, Literal

import torch

from featurizer.spec import FeatureSpec
from featurizer.tables import hann, overlap_gain

Precision = Literal["double", "single"]
DTYPE: Final = {"double": torch.float64, "single": torch.float32}


class Stft:
    """The centred short-time Fourier transform of a feature set, and its inverse.

    librosa 0.11 (``librosa.stft``, ``librosa.istft``) pads with zeros, transforms in double precision and
    rounds the result to single. A transform in single precision agrees with it on music, but on pure tones
    and constant signals its rounding noise reaches the features.

    Parameters
    ----------
    spec : FeatureSpec
        Gives ``n_fft``, ``hop_length`` and the window's length.
    device : torch.device
        Where the constants live.
    precision : {"double", "single"}
        Of the forward transform.

    Attributes
    ----------
    synthesis_taper : torch.Tensor, shape [n_fft], float32, in [0, 1]
        What the inverse multiplies each frame by.
    gain : torch.Tensor, shape [window_samples], float32, above 0
        What it multiplies the sum of the frames by.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device, precision: Precision = "double") -> None:
        self._spec = spec
        taper = torch.from_numpy(hann(spec.n_fft))
        self._taper = taper.to(device=device, dtype=DTYPE[precision])
        # The inverse tapers again and divides by the sum of the squared tapers over each sample.
        self.synthesis_taper = taper.float().to(device)
        self.gain = torch.from_numpy(overlap_gain(spec)).to(device)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Transform samples, shape [batch, window_samples], float32.

        Returns
        -------
        torch.Tensor, shape [batch, n_frames, n_fft / 2 + 1], complex64
        """
        return self.transform(windows).to(torch.complex64)

    def transform(self, windows: torch.Tensor) -> torch.Tensor:
        """Transform samples, shape [batch, window_samples], float32, without rounding the result.

        Returns
        -------
        torch.Tensor, shape [batch, n_frames, n_fft / 2 + 1], complex128 in double precision, else complex64
        """
        half = self._spec.n_fft // 2
        padded = torch.nn.functional.pad(windows, (half, half))
        frames = padded.unfold(1, self._spec.n_fft, self._spec.hop_length)
        spectrogram: torch.Tensor = torch.fft.rfft(frames * self._taper)
        return spectrogram

    def inverse(self, spectrogram: torch.Tensor) -> torch.Tensor:
        """Give the samples of a spectrogram, shape [batch, n_frames, n_fft / 2 + 1], complex64.

        Returns
        -------
        torch.Tensor, shape [batch, window_samples], float32
        """
        return self.overlap_add(self.inverse_frames(spectrogram))

    def inverse_frames(self, spectrogram: torch.Tensor) -> torch.Tensor:
        """Give the frames [batch, n_frames, n_fft], float32, of a spectrogram, not tapered yet."""
        frames: torch.Tensor = torch.fft.irfft(spectrogram, n=self._spec.n_fft)
        return frames

    def overlap_add(self, frames: torch.Tensor) -> torch.Tensor:
        """Taper frames [batch, n_frames, n_fft], add them at their places and undo the tapers' gain.

        Returns
        -------
        torch.Tensor, shape [batch, window_samples], float32
        """
        samples: torch.Tensor = self._add_in_place(frames * self.synthesis_taper) * self.gain
        return samples

    def _add_in_place(self, frames: torch.Tensor) -> torch.Tensor:
        """Add frames [batch, n_frames, n_fft] at their places; cut to [batch, window_samples]."""
        batch, n_frames, n_fft = frames.shape
        hop = self._spec.hop_length
        total = hop * (n_frames - 1) + n_fft
        # Frame t's q-th hop adds to hop t + q of the signal: whole rows, so the order of additions is fixed.
        n_rows = -(-total // hop)
        signal = frames.new_zeros(batch, n_rows, hop)
        pieces = frames.view(batch, n_frames, n_fft // hop, hop)
        for q in range(n_fft // hop):
            signal[:, q : q + n_frames] += pieces[:, :, q]
        return signal.flatten(1)[:, n_fft // 2 : n_fft // 2 + self._spec.window_samples]
