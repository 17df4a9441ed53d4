"""Finds loopback ports that a server can take, and keep while it restarts."""

from __future__ import annotations

import random
import socket
from typing import Final

# Below Linux's ephemeral range (32768 up): there a client that keeps knocking while the broker is down can be
# given the very port as its own end, connects to itself, and the broker cannot come back.
_FIRST: Final = 15_000
_LAST: Final = 32_000


def free_port(rng: random.Random) -> int:
    """Pick a free loopback port at random, so that runs side by side rarely meet.

    Raises
    ------
    OSError
        A thousand picks were all taken.
    """
    for _ in range(1_000):
        port = rng.randint(_FIRST, _LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port on 127.0.0.1 between {_FIRST} and {_LAST}")
