"""Turns feature vectors into genre probabilities, by onnxruntime on a GPU or on plain CPUs."""

from __future__ import annotations

import contextlib
import ctypes
import io
import logging
import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featurizer.errors import MissingExtraError
from modelzoo.errors import ArtifactCorruptError, ProviderUnavailableError
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact

# Its official builds report to their maker unless this is set before they are loaded (Privacy.md of 1.31).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
try:
    import onnxruntime
except ModuleNotFoundError as exc:
    raise MissingExtraError(
        "onnxruntime is not installed, without which no model runs: pip install 'genrestream[cpu]', "
        "or 'genrestream[gpu]' for a GPU"
    ) from exc

Device = Literal["auto", "cpu", "cuda"]

CUDA_PROVIDER = "CUDAExecutionProvider"
CPU_PROVIDER = "CPUExecutionProvider"
CUDA_DRIVER = "libcuda.so.1"
_QUIET = 3
"""onnxruntime's severity: errors only. What it would warn about, this module finds out and says itself."""
_WARM_UP_BATCHES = (1, 64, 1_024)

_log = logging.getLogger(__name__)


class OnnxScorer:
    """Scores batches of feature vectors with one model.

    Calls block until the batch is scored and may come from any thread.

    Parameters
    ----------
    artifact : Artifact
        A verified model.
    device : {"auto", "cpu", "cuda"}, optional
        `auto` takes CUDA where this machine really has it, else the CPU.
    threads : int, optional
        Threads of one call on the CPU. One is fastest: the network is small.

    Attributes
    ----------
    manifest : Manifest
        Describes the model.
    providers : tuple of str
        onnxruntime's providers that really run the model, first choice first.

    Raises
    ------
    ProviderUnavailableError
        `device="cuda"`, and onnxruntime cannot run the model on CUDA here.
    ArtifactCorruptError
        The model is no ONNX graph, or its input and output are not those that its manifest describes.
    """

    def __init__(self, artifact: Artifact, *, device: Device = "auto", threads: int = 1) -> None:
        self.manifest: Manifest = artifact.manifest
        wanted = _providers(device)
        self._session = _open_session(artifact, providers=wanted, threads=threads)
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        if device == "cuda" and CUDA_PROVIDER not in self.providers:
            raise ProviderUnavailableError(
                "onnxruntime found a CUDA driver but cannot use it, device=cuda: install the CUDA and cuDNN "
                "libraries that this onnxruntime was built for, or use device=cpu"
            )
        self._input, self._output = _check_shapes(self._session, self.manifest)
        _log.info(
            "model loaded: name=%s version=%s device=%s providers=%s",
            self.manifest.name,
            self.manifest.version,
            device,
            ",".join(self.providers),
        )

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score windows.

        Parameters
        ----------
        features : ndarray, shape (n, width), float32
            Raw features, one row a window, in the manifest's order and each feature's own unit; n may be 0.

        Returns
        -------
        ndarray, shape (n, n_genres), float32
            Probabilities in [0, 1], each row summing to 1. A row depends on its own window alone.

        Raises
        ------
        ValueError
            The shape is wrong, or a feature is NaN or infinite.
        """
        if features.ndim != 2 or features.shape[1] != self.manifest.width:
            raise ValueError(f"expected [n, {self.manifest.width}] features, shape={features.shape}")
        if not np.isfinite(features).all():
            raise ValueError("expected finite features")
        if len(features) == 0:
            return np.empty((0, len(self.manifest.genres)), dtype=np.float32)
        batch = np.ascontiguousarray(features, dtype=np.float32)
        (probabilities,) = self._session.run([self._output], {self._input: batch})
        return np.asarray(probabilities, dtype=np.float32)

    def warm_up(self) -> None:
        """Score a few batches of zeros, so that no track pays for allocations and kernel choices."""
        for n_windows in _WARM_UP_BATCHES:
            self(np.zeros((n_windows, self.manifest.width), dtype=np.float32))


def _providers(device: Device) -> list[str]:
    if device == "cpu":
        return [CPU_PROVIDER]
    missing = _missing_for_cuda()
    if missing is None:
        return [CUDA_PROVIDER, CPU_PROVIDER]
    if device == "cuda":
        raise ProviderUnavailableError(
            f"{missing}, device=cuda: use device=auto or device=cpu on this machine"
        )
    return [CPU_PROVIDER]


def _missing_for_cuda() -> str | None:
    # onnxruntime-gpu lists CUDA wherever it is installed, and complains in colour when it then fails to load
    # it: so the driver is looked for first.
    if CUDA_PROVIDER not in onnxruntime.get_available_providers():
        return "this onnxruntime has no CUDA provider"
    try:
        ctypes.CDLL(CUDA_DRIVER)
    except OSError:
        return f"there is no CUDA driver ({CUDA_DRIVER})"
    return None


def _open_session(artifact: Artifact, *, providers: list[str], threads: int) -> onnxruntime.InferenceSession:
    onnxruntime.set_default_logger_severity(_QUIET)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin between batches would take the decoders' cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # What onnxruntime prints about a CUDA it cannot use would stand between a command's lines of JSON.
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            if CUDA_PROVIDER in providers:
                # Finds the CUDA libraries that pip installed beside torch.
                onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(artifact.model, sess_options=options, providers=providers)
    except Exception as exc:  # onnxruntime's errors have no common root but Exception
        raise ArtifactCorruptError(
            f"onnxruntime cannot load the model, name={artifact.manifest.name} "
            f"version={artifact.manifest.version} path={artifact.model_path}: {str(exc).splitlines()[0]}"
        ) from exc
    if printed.getvalue():
        _log.debug("onnxruntime said: %s", printed.getvalue().strip())
    return session


def _check_shapes(session: onnxruntime.InferenceSession, manifest: Manifest) -> tuple[str, str]:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [tuple(value.shape[1:]) for value in (*inputs, *outputs)]
    if len(inputs) != 1 or len(outputs) != 1 or shapes != [(manifest.width,), (len(manifest.genres),)]:
        raise ArtifactCorruptError(
            f"the graph does not fit its manifest, name={manifest.name} shapes={shapes} "
            f"expected=[{manifest.width}] -> [{len(manifest.genres)}]: export the model again"
        )
    return inputs[0].name, outputs[0].name
