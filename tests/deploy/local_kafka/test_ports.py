from __future__ import annotations

import random
import socket
import threading

from deploy.local_kafka.ports import free_port
from deploy.local_kafka.probe import accepts, serves


def test_a_port_that_is_taken_is_not_picked() -> None:
    taken = free_port(random.Random(1))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        holder.listen()
        assert free_port(random.Random(1)) != taken


def test_picked_ports_lie_below_the_ephemeral_range() -> None:
    assert all(1_024 < free_port(random.Random(seed)) < 32_768 for seed in range(20))


def test_a_listener_that_is_no_broker_accepts_but_does_not_serve() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def hang_up() -> None:
            for _ in range(2):
                listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert accepts(port)
        assert not serves(port)
        thread.join()
    assert not accepts(port)
