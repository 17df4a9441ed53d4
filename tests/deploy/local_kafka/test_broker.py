from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import pytest

from deploy.local_kafka import LocalKafka
from deploy.local_kafka.broker import random_cluster_id
from deploy.local_kafka.server_properties import server_properties


def test_a_temporary_folder_goes_and_a_given_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary = LocalKafka()
    assert len(list(tmp_path.iterdir())) == 1
    temporary.close()
    assert list(tmp_path.iterdir()) == []
    given = tmp_path / "data"
    given.mkdir()
    LocalKafka(data=given).close()
    assert given.is_dir()


def test_properties_of_ones_own_win_and_everything_is_on_loopback(tmp_path: Path) -> None:
    text = server_properties({"node.id": "7"}, port=1_111, controller_port=2_222, data=tmp_path)
    properties = dict(line.split("=", 1) for line in text.splitlines())
    assert properties["node.id"] == "7"
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:1111,CONTROLLER://127.0.0.1:2222"
    assert properties["controller.quorum.bootstrap.servers"] == "127.0.0.1:2222"
    assert properties["log.dirs"] == str(tmp_path)


def test_a_cluster_id_never_looks_like_an_option() -> None:
    drawn = iter([uuid.UUID(bytes=bytes([first]) + bytes(15)) for first in (0xF8, 0xFB, 0x00)])
    assert random_cluster_id(lambda: next(drawn)) == "A" * 22
