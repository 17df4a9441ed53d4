"""Asks a loopback port whether something listens there, and whether it is a broker in service."""

from __future__ import annotations

import socket
import struct
from typing import Final

_SECONDS: Final = 1.0
# Metadata request, version 0 (API key 3), correlation id 1, no client id, no topics: the oldest version that
# Kafka 4 still answers. Source: "A Guide To The Kafka Protocol", Metadata API.
_METADATA_REQUEST: Final = struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0)


def accepts(port: int) -> bool:
    """Tell whether something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serves(port: int) -> bool:
    """Tell whether a broker on the loopback port answers and counts itself as alive.

    A broker listens before it is in service: topics created in between have no one to live on.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as connection:
            connection.sendall(_METADATA_REQUEST)
            answer = _read(connection, 12)  # size, correlation id, number of brokers
    except OSError:
        return False
    return len(answer) == 12 and int(struct.unpack(">iii", answer)[2]) > 0


def _read(connection: socket.socket, size_bytes: int) -> bytes:
    received = b""
    while len(received) < size_bytes:
        part = connection.recv(size_bytes - len(received))
        if not part:
            break
        received += part
    return received
