"""Turns log-mel spectrograms into one tempo a window, as ``librosa.beat.beat_track`` estimates it."""

from __future__ import annotations

import torch

from featurizer.spec import FeatureSpec

AUTOCORRELATION_SECONDS = 8.0
"""Longest lag of the tempogram (``librosa.feature.tempo``'s ``ac_size``)."""
MAX_BPM = 320.0
"""Faster tempi are ruled out (``max_tempo``)."""
PRIOR_OCTAVES = 1.0
"""Standard deviation of the log-normal prior (``std_bpm``)."""
EMPHASIS = 1e6
"""Factor on the autocorrelation before ``log1p`` (``librosa.feature.tempo``)."""
FLOAT64_TINY = 2.2250738585072014e-308
"""Smallest normal float64: frames with less energy stay un-normalised (``librosa.util.normalize``)."""


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
        frames_per_second = spec.sample_rate / spec.hop_length
        self._n_lags = int(AUTOCORRELATION_SECONDS * frames_per_second)
        # A centred frame sees an onset half its length early; the difference sees it one frame late.
        self._delay = 1 + spec.n_fft // (2 * spec.hop_length)
        self._taper = torch.hann_window(self._n_lags, periodic=True, dtype=torch.float64, device=device)
        lags = torch.arange(self._n_lags, dtype=torch.float64)
        bpm = 60.0 * frames_per_second / lags
        log_prior = (
            -0.5 * ((bpm.log2() - torch.tensor(spec.tempo_prior_bpm).double().log2()) / PRIOR_OCTAVES) ** 2
        )
        self._log_prior = torch.where(bpm < MAX_BPM, log_prior, -torch.inf).to(device)
        self._bpm = bpm.to(device)
        half = self._n_lags // 2
        self._ramp = torch.arange(half - 1, -1, -1, dtype=torch.float64, device=device) / half

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
        fade_out = (exact[:, -1:] * self._ramp).float().double()
        fade_in = (exact[:, :1] * self._ramp.flip(0)).float().double()
        padded = torch.cat((fade_in, exact, fade_out), dim=1)
        frames = padded.unfold(1, self._n_lags, 1)[:, :n_frames] * self._taper
        energy = frames.square().sum(-1)
        gain = torch.where(energy < FLOAT64_TINY, 1.0, 1.0 / energy)
        spectrum = torch.fft.rfft(frames, n=2 * self._n_lags)
        power = spectrum.real.square() + spectrum.imag.square()
        mean_power = (power * gain[..., None]).mean(1)
        correlation: torch.Tensor = torch.fft.irfft(mean_power, n=2 * self._n_lags)
        return correlation[:, : self._n_lags].clamp_(min=0)
