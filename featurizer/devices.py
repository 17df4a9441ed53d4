"""Turns a machine into the number of its CUDA devices by asking the driver; torch takes seconds to import."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

CUDA_DRIVER: Final = "libcuda.so.1"
_SUCCESS: Final = 0


@cache
def cuda_devices(driver: str = CUDA_DRIVER) -> int:
    """Count the CUDA devices that this process may use; 0 where there is no driver or it does not work.

    The driver itself heeds ``CUDA_VISIBLE_DEVICES``. Asked once in a process.

    Parameters
    ----------
    driver : str
        The driver's library, as the loader finds it.
    """
    try:
        library = ctypes.CDLL(driver)
    except OSError:
        return 0
    count = ctypes.c_int()
    if library.cuInit(0) != _SUCCESS or library.cuDeviceGetCount(ctypes.byref(count)) != _SUCCESS:
        return 0
    return count.value
