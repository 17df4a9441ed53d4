"""Turns back ends into how far they are from librosa, and kernels into how far they are from torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.synthesis import checksum, windows
from featurizer.gpu.backend import GpuBackend
from featurizer.gpu.chroma import Chroma
from featurizer.gpu.hpss import harmonic_spectrogram
from featurizer.gpu.rounding import magnitude
from featurizer.gpu.spectral import SpectralShape
from featurizer.gpu.statistics import mean_and_var
from featurizer.gpu.stft import Stft
from featurizer.gpu.tuning import TuningEstimator
from featurizer.parity import TOLERANCE_SD, compare
from featurizer.spec import GTZAN57

LIMITS_SD: Final = {
    "double": {"click": 3e-2},
    "single": {"click": 3e-2, "tone": 1e-2, "swelling": 1e-2},
}
"""Where more than 0.001 standard deviations are allowed: flat spectra, where rounding decides the tuning, and
in single precision pure tones, whose noise floor is rounding."""


def oracle() -> tuple[NDArray[np.float32], list[str], NDArray[np.float64]]:
    """Make the windows anew and give them with their kinds and librosa's features.

    Raises
    ------
    RuntimeError
        If the windows are not those that librosa saw, or the feature set is another.
    """
    with np.load(Path(__file__).with_name("oracle.npz")) as kept:
        features, sum_, fingerprint = kept["features"], str(kept["checksum"]), str(kept["fingerprint"])
    stale = "differ from oracle.npz's: run python -m benchmarks.gpu.make_oracle"
    if fingerprint != GTZAN57.fingerprint:
        raise RuntimeError(f"the feature set's numbers {stale}")
    samples, kinds = windows()
    if checksum(samples) != sum_:
        raise RuntimeError(f"the windows {stale}")
    return samples, kinds, features


def parity(backend: GpuBackend, *, of_each: int | None = None) -> dict[str, Any]:
    """Compare a back end with librosa on all windows, or on the first `of_each` of each kind."""
    samples, kinds, expected = oracle()
    chosen = [row for row, kind in enumerate(kinds) if of_each is None or kinds[:row].count(kind) < of_each]
    samples, kinds, expected = samples[chosen], [kinds[row] for row in chosen], expected[chosen]
    found = backend(samples)
    limits = LIMITS_SD[backend.precision]
    by_kind: dict[str, Any] = {}
    for kind in dict.fromkeys(kinds):
        rows = np.array([other == kind for other in kinds])
        result = compare(found[rows], expected[rows])
        name, distance = result.worst
        limit = limits.get(kind, TOLERANCE_SD)
        passed = distance <= limit and (result.tempo_equal == 1 or kind == "click")
        by_kind[kind] = {
            "n": int(rows.sum()),
            "worst": name,
            "max_sd": distance,
            "limit_sd": limit,
            "tempo_equal": result.tempo_equal,
            "passed": bool(passed),
        }
    return {"passed": all(row["passed"] for row in by_kind.values()), "kinds": by_kind}


def kernels_against_torch(device: torch.device) -> dict[str, Any]:
    """Run each Triton kernel and the torch stage of its name on the same input, on the device."""
    from featurizer.gpu.kernels.chroma import chroma  # noqa: PLC0415 - needs Triton
    from featurizer.gpu.kernels.hpss import scale_to_harmonic  # noqa: PLC0415
    from featurizer.gpu.kernels.overlap_add import part_statistics  # noqa: PLC0415
    from featurizer.gpu.kernels.spectral import reduce_spectrogram  # noqa: PLC0415
    from featurizer.gpu.kernels.tuning import TuningKernels  # noqa: PLC0415

    samples = torch.from_numpy(oracle()[0][::5].copy()).to(device)
    stft = Stft(GTZAN57, device=device)
    transformed = stft.transform(samples)
    spectrum = reduce_spectrogram(transformed, spec=GTZAN57)
    amplitude = magnitude(transformed.to(torch.complex64))
    shape, stage = SpectralShape(GTZAN57, device=device), Chroma(GTZAN57, device=device)
    centroid, bandwidth = shape.centroid_and_bandwidth(amplitude)
    tuning = TuningKernels(GTZAN57, device=device)(spectrum.power, loudest=spectrum.loudest)
    expected_tuning = TuningEstimator(GTZAN57, device=device)(amplitude.square())
    expected_scaled = harmonic_spectrogram(spectrum.spectrogram, magnitude=amplitude, kernel=31)
    scaled = spectrum.spectrogram.clone()
    scale_to_harmonic(scaled, magnitude=spectrum.magnitude)
    frames = stft.inverse_frames(expected_scaled)
    parts = part_statistics(frames, windows=samples, taper=stft.synthesis_taper, gain=stft.gain, spec=GTZAN57)
    harmonic = stft.overlap_add(frames)
    pitch_classes = chroma(spectrum.power, tuning=expected_tuning, filters=stage.filters)
    pairs = {
        "magnitude": (spectrum.magnitude, amplitude, 0.0),
        "centroid": (spectrum.centroid, centroid, 1e-6),
        "bandwidth": (spectrum.bandwidth, bandwidth, 1e-6),
        "rolloff": (spectrum.rolloff, shape.rolloff(amplitude), 0.0),
        "tuning": (tuning, expected_tuning, 0.0),
        "chroma": (pitch_classes, stage(amplitude.square()), 1e-5),
        "median_mask": (torch.view_as_real(scaled), torch.view_as_real(expected_scaled), 0.0),
        "harmonic": (parts[0], mean_and_var(harmonic), 1e-9),
        "percussive": (parts[1], mean_and_var(samples - harmonic), 1e-9),
    }
    return {name: _difference(*pair) for name, pair in pairs.items()}


def _difference(found: torch.Tensor, expected: torch.Tensor, limit: float) -> dict[str, Any]:
    largest = float((found.double() - expected.double()).abs().max())
    return {"bits_equal": torch.equal(found, expected), "largest": largest, "passed": largest <= limit}
