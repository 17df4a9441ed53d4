"""Checks each Triton kernel against the torch stage of its name on a few frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from featurizer.gpu.chroma import Chroma
from featurizer.gpu.hpss import harmonic_spectrogram
from featurizer.gpu.kernels import hpss as hpss_kernel
from featurizer.gpu.kernels.chroma import chroma
from featurizer.gpu.kernels.overlap_add import part_statistics
from featurizer.gpu.kernels.spectral import Spectrum, reduce_spectrogram
from featurizer.gpu.kernels.tuning import TuningKernels
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.spectral import SpectralShape
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.stft import Stft
from featurizer.gpu.tuning import TuningEstimator
from featurizer.spec import GTZAN57
from tests.featurizer.signals import clicks, music, noise, tone

CPU = torch.device("cpu")
NARROW = replace(GTZAN57, n_fft=128, hop_length=32, window_samples=700)
"""A feature set of 65 bins and 22 frames: the interpreter's time goes by programs and operations."""


def spectrogram(*shape: int, seed: int = 0) -> torch.Tensor:
    """Complex128 numbers over many orders of magnitude, with silent frames and denormal ones."""
    rng = np.random.default_rng(seed)
    level = 10 ** rng.uniform(-6, 6, (*shape[:-1], 1))
    values = level * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    values[..., 0, :] = 0
    values[..., 1, :] *= 1e-45 / np.abs(values[..., 1, :]).max()
    return torch.from_numpy(values)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_spectral_reductions_have_torchs_bits(dtype: torch.dtype) -> None:
    transformed = spectrogram(2, 18, 65).to(dtype)
    found = reduce_spectrogram(transformed, spec=NARROW)
    amplitude = magnitude(transformed.to(torch.complex64))
    assert torch.equal(found.spectrogram, transformed.to(torch.complex64))
    assert torch.equal(found.magnitude, amplitude)
    assert torch.equal(found.power, amplitude.square())
    assert torch.equal(found.loudest, amplitude.square().amax(-1))
    shape = SpectralShape(NARROW, device=CPU)
    assert torch.equal(found.rolloff, shape.rolloff(amplitude))
    for value, expected in zip(
        (found.centroid, found.bandwidth), shape.centroid_and_bandwidth(amplitude), strict=True
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_harmonic_mask_has_torchs_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hpss_kernel, "FRAMES", 32)
    monkeypatch.setattr(hpss_kernel, "BINS", 64)
    loud = spectrogram(1, 35, 33)
    found = torch.cat((loud, 1e-39 * loud / loud.abs().amax())).to(torch.complex64)
    amplitude = magnitude(found)
    expected = harmonic_spectrogram(found, magnitude=amplitude, kernel=31)
    hpss_kernel.scale_to_harmonic(found, magnitude=amplitude)
    assert torch.equal(found, expected)


def test_a_median_longer_than_the_mirror_is_refused() -> None:
    with pytest.raises(ValueError, match="too few frames"):
        hpss_kernel.scale_to_harmonic(spectrogram(1, 15, 33), magnitude=torch.zeros(1, 15, 33))


def first_frames(*windows: np.ndarray, n: int) -> Spectrum:
    stft = Stft(GTZAN57, device=CPU)
    transformed = stft.transform(torch.from_numpy(np.stack(windows)))
    amplitude = magnitude(transformed[:, 40 : 40 + n].to(torch.complex64))
    power = torch.nn.functional.pad(amplitude.square(), (0, 31))[..., :1025]
    empty = torch.empty(0)
    return Spectrum(empty.to(torch.complex64), amplitude, power, power.amax(-1), empty, empty, empty)


def test_tuning_equals_torchs() -> None:
    windows = (music(0), np.zeros_like(music(0)), noise(), clicks(24_000), tone(440.0), music(3))
    spectrum = first_frames(*windows, n=4)
    found = TuningKernels(GTZAN57, device=CPU)(spectrum.power, loudest=spectrum.loudest)
    expected = TuningEstimator(GTZAN57, device=CPU)(spectrum.power)
    assert found.tolist() == expected.tolist()
    assert found[1] == 50
    assert len(set(found.tolist())) > 2


def test_chroma_equals_torchs() -> None:
    spectrum = first_frames(music(0), np.zeros_like(music(0)), n=33)
    stage = Chroma(GTZAN57, device=CPU)
    tuning = TuningEstimator(GTZAN57, device=CPU)(spectrum.power)
    found = chroma(spectrum.power, tuning=tuning, filters=stage.filters)
    np.testing.assert_allclose(found, stage(spectrum.power), atol=1e-6)
    assert not found[1].any()


def test_statistics_of_both_parts_equal_torchs() -> None:
    stft = Stft(NARROW, device=CPU)
    rng = np.random.default_rng(0)
    windows = torch.from_numpy(rng.standard_normal((2, 700)).astype(np.float32))
    frames = torch.from_numpy(rng.standard_normal((2, NARROW.n_frames, 128)).astype(np.float32))
    found = part_statistics(frames, windows=windows, taper=stft.synthesis_taper, gain=stft.gain, spec=NARROW)
    harmonic = stft.overlap_add(frames)
    for part, expected in zip(found, (harmonic, windows - harmonic), strict=True):
        np.testing.assert_allclose(part, mean_and_var(expected), rtol=1e-12, atol=1e-15)
