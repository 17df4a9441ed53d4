"""A machine without a GPU is not asked by loading torch, and a GPU that is not there is an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from consumer.pipeline import placement
from consumer.pipeline.placement import parent_featurizer
from featurizer.devices import cuda_devices
from featurizer.errors import DeviceUnavailableError
from featurizer.spec import GTZAN57

needs_no_gpu = pytest.mark.skipif(cuda_devices() > 0, reason="this machine has a GPU")


def test_on_a_cpu_the_children_featurize() -> None:
    assert parent_featurizer("cpu", spec=GTZAN57) is None


@needs_no_gpu
def test_without_a_driver_auto_means_the_children() -> None:
    assert parent_featurizer("auto", spec=GTZAN57) is None


@needs_no_gpu
def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error() -> None:
    with pytest.raises(DeviceUnavailableError):
        parent_featurizer("cuda", spec=GTZAN57)


@needs_no_gpu
@pytest.mark.slow
def test_a_device_that_torch_cannot_use_leaves_the_work_to_the_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placement, "cuda_devices", lambda: 1)
    monkeypatch.setattr("featurizer.featurizer.cuda_devices", lambda: 1)
    assert parent_featurizer("auto", spec=GTZAN57) is None


@pytest.mark.slow
def test_the_parent_loads_no_decoder_and_no_torch() -> None:
    program = (
        "import sys, consumer.pipeline.pipeline, consumer.decoding.work\n"
        "print(*{'torch', 'av', 'soundfile', 'soxr', 'obstore', 'confluent_kafka'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
