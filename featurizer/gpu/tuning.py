"""Turns power spectrograms into each window's tuning, in hundredths of a semitone."""

from __future__ import annotations

import torch

from featurizer.gpu.rounding import log2
from featurizer.spec import FeatureSpec
from featurizer.tables import A0_HZ, N_TUNINGS, PEAK_SHARE, pitch_bins, tuning_edges


class TuningEstimator:
    """Tuning as ``librosa.estimate_tuning(S=power)`` finds it.

    In 19% of windows of music two histogram bins tie for the top, so a last-place difference in one pitch
    changes the answer and moves ``chroma_stft_var`` by up to 0.01 standard deviations. Hence each step
    rounds as numpy and numba do.

    Parameters
    ----------
    spec : FeatureSpec
        Gives the frequencies of the bins and the number of semitones an octave (``n_chroma``).
    device : torch.device
        Where the constants live.
    """

    def __init__(self, spec: FeatureSpec, *, device: torch.device) -> None:
        self._sample_rate = float(spec.sample_rate)
        self._n_fft = spec.n_fft
        self._n_chroma = spec.n_chroma
        self._first, self._end = pitch_bins(spec)
        self._edges = torch.from_numpy(tuning_edges()).to(device)

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
        batch = power.shape[0]
        window, pitch, height = self._peaks(power)
        loud = height >= _median_by_window(height, window=window, batch=batch)[window]
        window, pitch = window[loud], pitch[loud]
        semitones = self._n_chroma * log2(pitch / A0_HZ)
        deviation = semitones - semitones.floor()
        deviation = torch.where(deviation >= 0.5, deviation - 1.0, deviation)
        tuning = self.histogram_bin(deviation)
        counts = torch.bincount(window * N_TUNINGS + tuning, minlength=batch * N_TUNINGS).view(
            batch, N_TUNINGS
        )
        # Equal counts: the lowest bin wins, as in numpy.argmax. No counts at all: no tuning, bin 50 of 100.
        return torch.where(counts.any(-1), counts.argmax(-1), N_TUNINGS // 2)

    def histogram_bin(self, deviation: torch.Tensor) -> torch.Tensor:
        """Give each deviation's bin; an edge belongs to the bin above it, as in numpy.histogram.

        Parameters
        ----------
        deviation : torch.Tensor, shape [n], float32, semitones, in [-0.5, 0.5)

        Returns
        -------
        torch.Tensor, shape [n], int64, in [0, 99]
        """
        return torch.bucketize(deviation.double(), self._edges, right=True) - 1

    def _peaks(self, power: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Find spectral peaks and refine them by parabolas, as ``librosa.piptrack`` does.

        Returns
        -------
        window : torch.Tensor, shape [n_peaks], int64, ascending
        pitch : torch.Tensor, shape [n_peaks], float32, Hz
        height : torch.Tensor, shape [n_peaks], float32, power
        """
        first, end = self._first, self._end
        before = power[..., first - 1 : end - 1]
        here = power[..., first:end]
        after = power[..., first + 1 : end + 1]
        floor = PEAK_SHARE * power.amax(-1, keepdim=True)
        peak = (here > floor) & (here > before) & (here >= after)
        window, _, bin_ = peak.nonzero(as_tuple=True)
        before, here, after = before[peak], here[peak], after[peak]
        # numba widens to double only after the single-precision sum and difference.
        curvature = (after + before).double() - 2 * here.double()
        slope = (after - before).double() / 2
        shift = torch.where(slope.abs() < curvature.abs(), -slope / curvature, 0.0).float()
        pitch = ((bin_ + first).double() + shift.double()) * self._sample_rate / self._n_fft
        height = here + 0.5 * ((after - before) / 2) * shift
        return window, pitch.float(), height


def _median_by_window(values: torch.Tensor, *, window: torch.Tensor, batch: int) -> torch.Tensor:
    """Give the median of each window's values [batch], NaN where it has none; `window` is ascending."""
    count = torch.bincount(window, minlength=batch)
    start = count.cumsum(0) - count
    order = values.argsort()
    order = order[window[order].argsort(stable=True)]
    # One NaN at the end is what an empty window at the end reads.
    ordered = torch.cat((values[order], values.new_full((1,), torch.nan)))
    lower = ordered[start + (count - 1).clamp(min=0) // 2]
    upper = ordered[start + count // 2]
    return torch.where(count > 0, (lower + upper) / 2, torch.nan)
