from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from consumer.config import KafkaSettings, load_settings
from consumer.kafka import KafkaAdmin
from consumer.topics import TopicState, definitions, inspect
from deploy.local_kafka import LocalKafka, LocalKafkaError
from deploy.local_kafka.death_wish import death_wish
from tests.broker.harness import Broker, publish, read_all, wait_until
from tests.paths import REPOSITORY


@pytest.fixture(autouse=True)
def _tools(broker: Broker) -> None:
    if broker.local is None:
        pytest.skip("KAFKA_BOOTSTRAP_SERVERS names another broker: ours is not started here")


def _start(data: Path) -> tuple[subprocess.Popen[str], str]:
    """Run the command until it says that it is ready; gives the address it says."""
    options = ["--port", "0", "--heap", "256m", "--partitions", "2", "--data", str(data)]
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local_kafka", *options],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=death_wish(),  # noqa: PLW1509 - one system call, no locks taken
    )
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
    assert line.startswith("Kafka is ready on "), line
    return process, line.removeprefix("Kafka is ready on ").split()[0]


def test_the_command_is_ready_for_a_worker_keeps_its_data_and_dies_with_its_parent(tmp_path: Path) -> None:
    first, address = _start(tmp_path)
    settings = KafkaSettings(bootstrap_servers=address)
    reports = inspect(KafkaAdmin(settings), definitions(load_settings().topics, partitions=2))
    assert {report.state for report in reports} == {TopicState.EXISTS}, reports
    publish(settings, "track-labels", [b"kept"])
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 0

    second, other_address = _start(tmp_path)
    assert other_address != address
    settings = KafkaSettings(bootstrap_servers=other_address)
    assert [record.value for record in read_all(settings, "track-labels")] == [b"kept"]
    children = Path(f"/proc/{second.pid}/task/{second.pid}/children")
    if sys.platform == "linux":  # elsewhere nothing ends children with their parent
        (broker_pid,) = map(int, children.read_text().split())
        second.kill()
        wait_until(lambda: not Path(f"/proc/{broker_pid}").exists(), what="the broker's end", seconds=10)
    second.terminate()
    second.wait(30)


def test_a_failed_start_says_why_and_keeps_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        pytest.raises(LocalKafkaError, match=r"Invalid value x .*; log file: ") as caught,
        LocalKafka(properties={"node.id": "x"}),
    ):
        pass
    log = Path(str(caught.value).rpartition("log file: ")[2])
    assert "Invalid value x" in log.read_text()


def test_a_taken_port_is_said_in_one_line(broker: Broker) -> None:
    port = int(broker.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(LocalKafkaError, match=rf"port is taken: port={port}"), LocalKafka(port=port):
        pass
