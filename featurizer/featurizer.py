"""Turns windows of samples into feature vectors: the one entry, which picks device and back end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from featurizer.devices import cuda_devices
from featurizer.errors import DeviceUnavailableError, InvalidSamplesError, MissingExtraError
from featurizer.spec import GTZAN57, FeatureSpec

Device = Literal["cpu", "cuda"]
Precision = Literal["single", "double"]

MAX_MAGNITUDE = 1e12
"""Samples are near [-1, 1]. Beyond 1e12 float32 power spectra overflow and features would become NaN."""
CHUNK_WINDOWS: dict[Device, int] = {"cpu": 16, "cuda": 256}
"""Windows in one call of a back end.

On CUDA four of its batches, one uploaded while another is computed. On a CPU windows go one by one in any
case, but a call costs a quarter of a millisecond besides, a fifth of a window.
"""
WORKERS: dict[Device, int] = {"cpu": 1, "cuda": 2}
"""Threads behind `Featurizer.submit`: with two, one batch's upload overlaps another's computation."""

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """Computes features of one chunk of valid windows; several threads may call it at once."""

    @property
    def precision(self) -> Precision:
        """Of the Fourier transform."""

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn windows [batch, window_samples], finite, batch at least 1, into features [batch, width]."""


class Featurizer:
    """Turns windows into feature vectors, equal to librosa 0.11's within 0.001 standard deviations.

    Any number of threads may call one featurizer. It never changes torch's number of threads: a caller that
    runs one process a core calls ``torch.set_num_threads(1)`` itself.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Where the work is done; "auto" takes a CUDA device where there is one.
    spec : FeatureSpec
        The feature set.
    precision : {"single", "double"}, optional
        Of the Fourier transform. librosa's is double, and so is ours, but on cards that are slow
        at it. Single keeps the tolerance on music, not on pure tones and clicks.

    Attributes
    ----------
    device : {"cpu", "cuda"}
        Where the work is done.
    spec : FeatureSpec
        The feature set.

    Raises
    ------
    DeviceUnavailableError
        If `device` is "cuda" and there is none.
    MissingExtraError
        If what the device needs is not installed.
    ValueError
        If `device` is unknown or no back end computes the feature set.
    """

    def __init__(
        self, device: str = "auto", spec: FeatureSpec = GTZAN57, *, precision: Precision | None = None
    ) -> None:
        self.device: Device = _resolve(device)
        self.spec = spec
        self._backend = _backend(self.device, spec, precision=precision)
        self._executor = ThreadPoolExecutor(WORKERS[self.device], thread_name_prefix="featurizer")
        self._closed = False

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Featurize windows, in the calling thread.

        Parameters
        ----------
        windows : numpy.ndarray, shape [batch, window_samples], float32
            Mono samples at ``spec.sample_rate``, finite, usually in [-1, 1]. `batch` may be 0 and of any
            size: the work goes chunk by chunk, so memory stays bounded.

        Returns
        -------
        numpy.ndarray, shape [batch, width], float32
            One column a name in ``spec.feature_names``, never NaN. A window's features do not depend on the
            windows beside it (up to 0.0001 standard deviations).

        Raises
        ------
        ValueError
            If `windows` has another type or shape.
        InvalidSamplesError
            If a sample is NaN, infinite or beyond 1e12 in magnitude.
        RuntimeError
            If the featurizer is closed.
        """
        if self._closed:
            raise RuntimeError("the featurizer is closed")
        _require_windows(windows, spec=self.spec)
        features = np.empty((len(windows), self.spec.width), dtype=np.float32)
        step = CHUNK_WINDOWS[self.device]
        for start in range(0, len(windows), step):
            features[start : start + step] = self._backend(windows[start : start + step])
        return features

    def submit(self, windows: NDArray[np.float32]) -> Future[NDArray[np.float32]]:
        """Featurize windows in a worker thread; on a GPU two batches overlap.

        Parameters
        ----------
        windows : numpy.ndarray, shape [batch, window_samples], float32
            As for a call. Must not change before the future is done.

        Returns
        -------
        concurrent.futures.Future
            Gives what a call gives, or raises what it raises.

        Raises
        ------
        RuntimeError
            If the featurizer is closed.
        """
        return self._executor.submit(self, windows)

    @property
    def precision(self) -> Precision:
        """Of the Fourier transform: what was asked for, or the device's usual one."""
        return self._backend.precision

    def warm_up(self) -> None:
        """Run one full chunk, so that the first real one does not pay for libraries, plans and caches.

        On a CPU whose kernels are not yet compiled this takes about a minute, in one process of a machine;
        others wait for it. Decoding has kernels in the same store, which are warm then too.
        """
        noise = np.random.default_rng(0).standard_normal(self.spec.window_samples).astype(np.float32)
        with _first_use(self.device):
            self(np.tile(noise, (CHUNK_WINDOWS[self.device], 1)))

    def close(self) -> None:
        """Finish what was submitted and stop the worker threads; blocks. Later calls raise RuntimeError."""
        self._executor.shutdown(wait=True)
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _resolve(device: str) -> Device:
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"unknown device: device={device!r}; use auto, cpu or cuda")
    if device == "cpu":
        return "cpu"
    if not cuda_devices():
        if device == "cuda":
            raise DeviceUnavailableError("no CUDA device on this machine: device='cuda'; use auto or cpu")
        return "cpu"
    try:
        import torch  # noqa: PLC0415 - takes seconds, and a CPU does without
    except ModuleNotFoundError as exc:
        advice = "torch is not installed, without which the GPU lies idle: pip install 'genrestream[gpu]'"
        if device == "cuda":
            raise MissingExtraError(advice) from exc
        _log.warning(advice)
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise DeviceUnavailableError("torch cannot use this machine's GPU: device='cuda'; use auto or cpu")
    return "cpu"


def _backend(device: Device, spec: FeatureSpec, *, precision: Precision | None) -> Backend:
    """Pick the back end for a device; each brings libraries that the other does without."""
    if device == "cpu":
        from featurizer.cpu.backend import CpuBackend  # noqa: PLC0415 - numba takes a second

        return CpuBackend(spec, precision=precision or "double")
    from featurizer.gpu import GpuBackend, GpuOptions  # noqa: PLC0415 - torch takes seconds

    return GpuBackend(spec, device=device, options=GpuOptions(precision=precision))


@contextmanager
def _first_use(device: Device) -> Iterator[None]:
    if device == "cuda":
        yield
        return
    from featurizer import levels  # noqa: PLC0415 - see _backend
    from featurizer.cpu.compiling import store  # noqa: PLC0415 - see _backend

    with store().first_use():
        levels.warm_up()
        yield


def _require_windows(windows: NDArray[np.float32], *, spec: FeatureSpec) -> None:
    dtype = getattr(windows, "dtype", None)
    if dtype != np.float32:
        found = f"type={type(windows).__name__} dtype={dtype}"
        raise ValueError(f"windows must be a float32 numpy array: {found}")
    if windows.ndim != 2 or windows.shape[1] != spec.window_samples:
        raise ValueError(f"windows must have the shape [batch, {spec.window_samples}]: shape={windows.shape}")
    if not len(windows):
        return
    # Both are NaN where any sample is; neither needs a temporary array.
    lowest, highest = windows.min(axis=1), windows.max(axis=1)
    valid = (lowest >= -MAX_MAGNITUDE) & (highest <= MAX_MAGNITUDE)
    if not valid.all():
        first = int(np.argmin(valid))
        raise InvalidSamplesError(
            f"samples are NaN, infinite or beyond {MAX_MAGNITUDE:g}: window={first} "
            f"minimum={lowest[first]:g} maximum={highest[first]:g}; check the decoder or the source file"
        )
