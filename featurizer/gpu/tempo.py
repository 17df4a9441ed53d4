"""Turns log-mel spectrograms into one tempo a window, as ``librosa.beat.beat_track`` estimates it."""

from __future__ import annotations

import torch

from featurizer.spec import FeatureSpec
from featurizer.tables import EMPHASIS, FLOAT64_TINY, tempo_tables


class Tempo:
    """Tempo estimator: onset strength, mean local autocorrelation, log-normal prior.

    ``librosa.beat.beat_track`` takes the *median* over mels as onset strength;
    ``librosa.feature.tempo(y=...)`` takes the mean and agrees in about half of all windows only. Beats are
    not tracked: they do not change the tempo.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frame rate and the prior's centre.
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        tables = tempo_tables(spec)
        self._n_lags, self._delay = tables.n_lags, tables.delay
        self._taper = torch.from_numpy(tables.taper).to(device)
        self._log_prior = torch.from_numpy(tables.log_prior).to(device)
        self._bpm = torch.from_numpy(tables.bpm).to(device)
        self._fade = torch.from_numpy(tables.fade).to(device)

    def __call__(self, decibels: torch.Tensor) -> torch.Tensor:
        """Estimate the tempo of each window.

        Parameters
        ----------
        decibels : torch.Tensor, shape [batch, n_frames, n_mels], float32, dB

        Returns
        -------
        torch.Tensor, shape [batch], float64, beats a minute
            0 where nothing ever gets louder.
        """
        envelope = self.onset_strength(decibels)
        score = torch.log1p(EMPHASIS * self.mean_autocorrelation(envelope)) + self._log_prior
        return torch.where((envelope != 0).any(-1), self._bpm[score.argmax(-1)], 0.0)

    def onset_strength(self, decibels: torch.Tensor) -> torch.Tensor:
        """Give the median rise over all mels: ``librosa.onset.onset_strength(aggregate=numpy.median)``.

        Parameters
        ----------
        decibels : torch.Tensor, shape [batch, n_frames, n_mels], float32, dB

        Returns
        -------
        torch.Tensor, shape [batch, n_frames], float32, dB, at least 0
            Aligned to the onsets.
        """
        n_frames, n_mels = decibels.shape[1:]
        rise = (decibels[:, 1:] - decibels[:, :-1]).clamp_(min=0).sort(dim=-1).values
        median = (rise[..., (n_mels - 1) // 2] + rise[..., n_mels // 2]) / 2
        return torch.nn.functional.pad(median, (self._delay, 0))[:, :n_frames]

    def mean_autocorrelation(self, envelope: torch.Tensor) -> torch.Tensor:
        """Average ``librosa.feature.tempogram(onset_envelope=...)`` over time.

        The inverse transform is linear, so it is taken once, of the mean of the frames' normalised power.

        Parameters
        ----------
        envelope : torch.Tensor, shape [batch, n_frames], float32
            Onset strength.

        Returns
        -------
        torch.Tensor, shape [batch, n_lags], float64, in [0, 1]
        """
        n_frames = envelope.shape[1]
        exact = envelope.double()
        # The envelope fades to zero over half a tempogram frame on either side, rounded as numpy.pad does.
        fade_out = (exact[:, -1:] * self._fade).float().double()
        fade_in = (exact[:, :1] * self._fade.flip(0)).float().double()
        padded = torch.cat((fade_in, exact, fade_out), dim=1)
        frames = padded.unfold(1, self._n_lags, 1)[:, :n_frames] * self._taper
        # Norms are read in one pass, where squares and sums would be written in between.
        norm = torch.linalg.vector_norm(frames, dim=-1, keepdim=True)
        silent = norm.square() < FLOAT64_TINY
        spectrum = torch.fft.rfft(frames.div_(torch.where(silent, 1.0, norm)), n=2 * self._n_lags)
        mean_power = torch.linalg.vector_norm(torch.view_as_real(spectrum), dim=(1, 3)).square() / n_frames
        correlation: torch.Tensor = torch.fft.irfft(mean_power, n=2 * self._n_lags)
        return correlation[:, : self._n_lags].clamp_(min=0)
