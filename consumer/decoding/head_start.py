"""Turns a worker's first moment into a fork server that loads what children need, beside the worker itself.

Both load about as long, on a core each. So a command that will need children begins before it imports
anything heavy, and whoever wants a fork server takes the one that is under way, if it fits.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from consumer.decoding.fork_server import ForkServer
from featurizer.devices import cuda_devices
from featurizer.errors import SetupError

CHILD: Final = "consumer.decoding.child:main"
"""What every child runs."""
CHILD_PRELOAD: Final = "consumer.decoding.child"
DECODING_PRELOAD: Final = ("consumer.decoding.fetch_and_decode", "consumer.decoding.work:warm_decoding")
"""What children need that fetch and decode."""
FEATURIZING_PRELOAD: Final = ("consumer.decoding.work:warm_usual_featurizer",)
"""And what they need besides where they featurize."""

_under_way: list[tuple[Sequence[str], Mapping[str, str], ForkServer]] = []
"""What it loads, in which environment, and itself: at most one, which nobody has taken yet."""


def begin() -> None:
    """Start the server of a CPU's usual children, once in a process; never fails, and never waits.

    It is ended again where it may not fit: where kernels are cold their store may be a temporary one, which
    the server would have to know from its environment. On a machine with a GPU nothing is begun.
    """
    preload = (CHILD_PRELOAD, *DECODING_PRELOAD, *FEATURIZING_PRELOAD)
    if _under_way or cuda_devices():
        return
    with suppress(OSError):  # told in its place, where this is needed
        _under_way.append((preload, dict(os.environ), ForkServer(CHILD, preload=preload)))
        if not _are_kernels_warm():
            _abandon()
        atexit.register(_abandon)


def take(preload: Sequence[str]) -> ForkServer:
    """Give a server of children that loads this: the one under way if it does, else a new one.

    Raises
    ------
    OSError
        No process can be started.
    """
    if _under_way and _under_way[0][:2] == (tuple(preload), os.environ):
        return _under_way.pop()[2]
    _abandon()
    return ForkServer(CHILD, preload=preload)


def _are_kernels_warm() -> bool:
    # Imported here, where the server is loading already: half of all that there is to import.
    from featurizer.cpu_level import wanted_level  # noqa: PLC0415
    from featurizer.kernel_store import warm_stores  # noqa: PLC0415

    try:
        return bool(warm_stores(wanted_level()))
    except SetupError:
        return False


def _abandon() -> None:
    """End what nobody took: the command ended before it needed children, or needs others."""
    while _under_way:
        _under_way.pop()[2].abandon()
