"""Turns a cold store of compiled kernels into a line of log: slow children shall not look hung."""

from __future__ import annotations

import logging

from featurizer.kernel_store import kernel_store

_log = logging.getLogger(__name__)


def announce_compilation() -> None:
    """Find the store that the children will use, and say so where they must compile first.

    To be called before the children start, on a machine where they featurize.

    Raises
    ------
    SetupError
        What a CPU needs is not installed, or a setting of the kernels cannot be met.
    """
    store = kernel_store()
    if not store.is_warm:
        _log.warning(
            "compiling the CPU kernels, once for this version and CPU: about a minute, into %s", store.folder
        )
