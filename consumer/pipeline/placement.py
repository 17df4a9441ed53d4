"""Turns the device setting into the place where windows become features: the children, or this process.

On a CPU each decoding child featurizes what it decoded: in one process threads gave 1.4 times one core's
speed on two cores, processes 1.8. A GPU is fed from this process, which batches windows of many tracks.
"""

from __future__ import annotations

from typing import Literal

from consumer.pipeline.featurizing import FeaturizerPort
from featurizer.devices import cuda_devices
from featurizer.spec import FeatureSpec


def parent_featurizer(device: Literal["auto", "cpu", "cuda"], *, spec: FeatureSpec) -> FeaturizerPort | None:
    """Build and warm up this process's featurizer, or give None where the children featurize.

    Raises
    ------
    DeviceUnavailableError
        `device` is "cuda" and there is none.
    """
    if device == "cpu" or (device == "auto" and not cuda_devices()):
        return None
    from featurizer.featurizer import Featurizer  # noqa: PLC0415 - a CPU worker's parent has no use for it

    featurizer = Featurizer(device=device, spec=spec)
    if featurizer.device == "cpu":
        featurizer.close()
        return None
    featurizer.warm_up()
    return featurizer
