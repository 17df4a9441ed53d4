"""Turns windows into feature vectors on one device, and decides whose kernels, precision and launches."""

from __future__ import annotations

import importlib.util
import logging
import os
from dataclasses import dataclass
from queue import LifoQueue
from subprocess import SubprocessError
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from featurizer.gpu.eager import Eager
from featurizer.gpu.lane import CudaLane, Features, Launch
from featurizer.gpu.stft import Precision
from featurizer.spec import FeatureSpec

Kernels = Literal["torch", "triton"]

SHAPES: Final = (16, 64)
"""Batch sizes on CUDA: a song of ten windows, and a full chunk."""
LANES: Final = 2
"""Batches on the device at once, each with its own graphs and working memory."""
_MEDIAN_POINTS: Final = 31
_LEAST_CAPABILITY: Final = (8, 0)
"""Triton's own limit."""
_FAST_DOUBLE: Final = {(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)}
"""Compute capabilities of cards with half as many double as single units; others have 1/32 or 1/64."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuOptions:
    """How a GPU back end works; what is None is chosen by the device.

    Attributes
    ----------
    kernels : {"torch", "triton"} or None
        Whose kernels; None takes Triton's where they run.
    precision : {"double", "single"} or None
        Of the spectrogram's transform. Double agrees with librosa on any signal. Single agrees with double on
        music (605 windows: 0.0003 standard deviations, tempo equal in all), on pure tones to 0.004 only. None
        takes double where the card has fast double units, and on a CPU.
    launch : {"graph", "stream"}
        Whether the work of each shape is captured once and replayed. A CPU knows no difference.
    shapes : tuple of int
        Batch sizes on CUDA, ascending; batches are padded to the smallest that fits.
    """

    kernels: Kernels | None = None
    precision: Precision | None = None
    launch: Launch = "graph"
    shapes: tuple[int, ...] = SHAPES


class GpuBackend:
    """The `gtzan57` features on one device, by any number of threads at once.

    On CUDA `LANES` batches are under way together and further callers wait. Everything is compiled and
    captured when the back end is made.

    Parameters
    ----------
    spec : FeatureSpec
        The feature set, which must be `gtzan57`.
    device : {"cpu", "cuda"}
        Where the work is done.
    options : GpuOptions
        How.

    Attributes
    ----------
    kernels : {"torch", "triton"}
        Whose kernels work.
    precision : {"double", "single"}
        Of the spectrogram's transform.

    Raises
    ------
    ValueError
        If this back end does not compute the feature set, or Triton's kernels were asked for and do not run.
    """

    def __init__(self, spec: FeatureSpec, *, device: str, options: GpuOptions | None = None) -> None:
        options = options or GpuOptions()
        if spec.name != "gtzan57":
            raise ValueError(f"the GPU back end computes gtzan57 only: spec.name={spec.name!r}")
        place = torch.device(device)
        self.precision: Precision = options.precision or default_precision(place)
        self._device = place
        self._lanes: LifoQueue[CudaLane] = LifoQueue()
        with torch.inference_mode():
            self._features, without_triton = _features(
                spec, device=place, kernels=options.kernels, precision=self.precision
            )
            self.kernels: Kernels = "torch" if isinstance(self._features, Eager) else "triton"
            for _ in range(LANES if place.type == "cuda" else 0):
                self._lanes.put(
                    CudaLane(
                        self._features,
                        spec=spec,
                        device=place,
                        shapes=options.shapes,
                        launch=options.launch,
                    )
                )
        if place.type == "cuda":
            # The constants were uploaded on another stream than those that will read them.
            torch.cuda.synchronize(place)
        # On a card the torch stages are several times slower: somebody should look.
        _log.log(
            logging.WARNING if without_triton and place.type == "cuda" else logging.INFO,
            "featurizer back end: device=%s kernels=%s precision=%s launch=%s%s",
            device,
            self.kernels,
            self.precision,
            options.launch if place.type == "cuda" else "stream",
            f" (no Triton: {without_triton})" if without_triton else "",
        )

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Featurize windows; blocks until they are done.

        Parameters
        ----------
        windows : numpy.ndarray, shape [batch, window_samples], float32, finite
            Page-locked memory (of a pinned torch tensor) is uploaded from where it is, other is staged.

        Returns
        -------
        numpy.ndarray, shape [batch, width], float32
        """
        if self._device.type == "cpu":
            # A copy: torch does not take arrays that are read-only (shared memory) or run backwards.
            with torch.inference_mode():
                array: NDArray[np.float32] = self._features(torch.from_numpy(windows.copy())).float().numpy()
            return array
        lane = self._lanes.get()
        try:
            with torch.inference_mode():
                return lane(windows)
        finally:
            self._lanes.put(lane)


def why_not_triton(spec: FeatureSpec, *, device: torch.device) -> str | None:
    """Say why Triton's kernels cannot work, or None where they can."""
    if spec.hpss_kernel != _MEDIAN_POINTS:
        return f"its medians have {_MEDIAN_POINTS} points: hpss_kernel={spec.hpss_kernel}"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if device.type == "cpu":
        return None if os.environ.get("TRITON_INTERPRET") == "1" else "the device is a CPU"
    capability = torch.cuda.get_device_capability(device)
    return None if capability >= _LEAST_CAPABILITY else f"compute capability {capability} is below 8.0"


def default_precision(device: torch.device) -> Precision:
    """Choose the transform's precision: double where it costs little."""
    if device.type == "cpu" or torch.cuda.get_device_capability(device) in _FAST_DOUBLE:
        return "double"
    return "single"


def _features(
    spec: FeatureSpec, *, device: torch.device, kernels: Kernels | None, precision: Precision
) -> tuple[Features, str | None]:
    """Make the stages; say why they are torch's where Triton's were not refused."""
    if kernels == "torch":
        return Eager(spec, device=device, precision=precision), None
    reason = why_not_triton(spec, device=device)
    if kernels == "triton":
        if reason:
            raise ValueError(f"Triton's kernels do not run here: {reason}")
        return _fused(spec, device=device, precision=precision), None
    if reason is None:
        fused = _fused(spec, device=device, precision=precision)
        reason = _why_it_fails(fused, torch.zeros(1, spec.window_samples, device=device))
        if reason is None:
            return fused, None
    return Eager(spec, device=device, precision=precision), reason


def _fused(spec: FeatureSpec, *, device: torch.device, precision: Precision) -> Features:
    # Only here is Triton imported: a machine without it has a back end all the same.
    from featurizer.gpu.fused import Fused  # noqa: PLC0415

    return Fused(spec, device=device, precision=precision)


def _why_it_fails(fused: Features, windows: torch.Tensor) -> str | None:
    """Say why Triton cannot build its kernels: it needs a C compiler, Python's headers, a writable cache."""
    from triton import TritonError  # noqa: PLC0415

    try:
        fused(windows).cpu()
    except (OSError, RuntimeError, SubprocessError, TritonError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return None
