"""Turns ports and a data folder into the broker's `server.properties`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_SINGLE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer partitions of the internal topics: the first join creates them all, 50 each by default.
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.num.partitions": "2",
    # By default every first join of a group waits three seconds for company.
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
}


def server_properties(overrides: Mapping[str, str], *, port: int, controller_port: int, data: Path) -> str:
    """Write the file of one node that is broker and controller, reachable on loopback only.

    Parameters
    ----------
    overrides : Mapping
        Any broker properties; they win.
    port, controller_port : int
        Where clients and the node itself connect.
    data : Path
        Folder of the topics' logs.
    """
    listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"
    properties = {
        **_SINGLE_NODE,
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "log.dirs": str(data),
        **overrides,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())
