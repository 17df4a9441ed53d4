"""Turns power spectrograms into each window's tuning, in hundredths of a semitone."""

from __future__ import annotations

import torch

from featurizer.gpu.pitch_table import pitch_table
from featurizer.spec import FeatureSpec
from featurizer.tables import A0_HZ, N_TUNINGS, PEAK_SHARE, pitch_bins


class TuningEstimator:
    """Tuning as ``librosa.estimate_tuning(S=power)`` finds it, in shapes that do not depend on the data.

    In 19% of windows of music two histogram bins tie for the top, so a last-place difference in one pitch
    changes the answer and moves ``chroma_stft_var`` by up to 0.01 standard deviations. Hence each step
    rounds as numpy and numba do. Every bin of every frame is carried along, peak or not: no step waits for
    the number of peaks, so a CUDA graph can hold them all.

    Edge cases: equal counts give the lowest bin; a window without a peak gives tuning 0; of an even number of
    peaks the threshold is the mean of the middle two, rounded to float32.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the number of semitones an octave (``n_chroma``).
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        table = pitch_table(spec)
        self._bin_hz_numerator, self._n_fft = float(spec.sample_rate), spec.n_fft
        self._first, self._end = pitch_bins(spec)
        self._steps_per_octave, self._first_step = table.steps_per_octave, table.first_step
        self._edges = torch.from_numpy(table.edges).to(device)
        self._bin = torch.arange(self._first, self._end, dtype=torch.float64, device=device)

    def __call__(self, power: torch.Tensor) -> torch.Tensor:
        """Estimate each window's tuning.

        Parameters
        ----------
        power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0

        Returns
        -------
        torch.Tensor, shape [batch], int64
            Index into `tuning_edges`; the bin that holds 0 where there is no pitch.
        """
        pitch, height = self.peaks(power)
        loud = height >= median_height(height)[:, None]
        counts = torch.zeros(len(power), N_TUNINGS, dtype=torch.int32, device=power.device)
        counts.scatter_add_(1, self.tuning_bin(pitch), loud.int())
        # Equal counts: the lowest bin wins, as in numpy.argmax. No counts at all: no tuning, bin 50 of 100.
        return torch.where(counts.any(-1), counts.argmax(-1), N_TUNINGS // 2)

    def peaks(self, power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Find spectral peaks and refine them by parabolas, as ``librosa.piptrack`` does.

        Parameters
        ----------
        power : torch.Tensor, shape [batch, n_frames, n_bins], float32, at least 0

        Returns
        -------
        pitch : torch.Tensor, shape [batch, n_frames * n_pitch_bins], float32, Hz
        height : torch.Tensor, same shape, float32, power; NaN where there is no peak
        """
        first, end = self._first, self._end
        before = power[..., first - 1 : end - 1]
        here = power[..., first:end]
        after = power[..., first + 1 : end + 1]
        floor = PEAK_SHARE * power.amax(-1, keepdim=True)
        peak = (here > floor) & (here > before) & (here >= after)
        # numba widens to double only after the single-precision sum and difference.
        curvature = (after + before).double() - 2 * here.double()
        slope = (after - before).double() / 2
        shift = torch.where(slope.abs() < curvature.abs(), -slope / curvature, 0.0).float()
        pitch = (self._bin + shift.double()) * self._bin_hz_numerator / self._n_fft
        height = here + 0.5 * ((after - before) / 2) * shift
        return pitch.float().flatten(1), torch.where(peak, height, torch.nan).flatten(1)

    def tuning_bin(self, pitch: torch.Tensor) -> torch.Tensor:
        """Give each pitch's bin of the tuning histogram.

        Parameters
        ----------
        pitch : torch.Tensor, any shape, float32, Hz, within a bin of those that pitches are looked for in

        Returns
        -------
        torch.Tensor, same shape, int64, in [0, 99]
        """
        # Half a semitone below A0 is step 0. The guess is off by one at most, and the edges know better.
        guess = (self._steps_per_octave * torch.log2(pitch / A0_HZ) + N_TUNINGS / 2).long() - self._first_step
        guess = guess.clamp_(1, len(self._edges) - 2)
        guess -= (pitch < self._edges[guess]).long()
        guess += (pitch >= self._edges[guess + 1]).long()
        return (guess + self._first_step) % N_TUNINGS


def median_height(height: torch.Tensor) -> torch.Tensor:
    """Give the median of each row's numbers as ``numpy.median`` rounds it, NaN where a row has none.

    Parameters
    ----------
    height : torch.Tensor, shape [batch, n], float32
        NaN is no number.

    Returns
    -------
    torch.Tensor, shape [batch], float32
    """
    lower = height.nanmedian(dim=1).values
    n = height.isfinite().sum(1)
    n_to_lower = (height <= lower[:, None]).sum(1)
    next_up = torch.where(height > lower[:, None], height, torch.inf).amin(1)
    upper = torch.where(n_to_lower > n // 2, lower, next_up)
    return (lower + upper) / 2
