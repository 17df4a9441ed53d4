from __future__ import annotations

from pathlib import Path

import pytest

from consumer.bench.broker import open_broker
from consumer.errors import SettingsError


def local_kafka(checkout: Path, code: str) -> Path:
    """A checkout whose local Kafka is this program."""
    folder = checkout / "deploy" / "local_kafka"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(code)
    return checkout


def test_a_given_broker_is_taken_as_it_is(tmp_path: Path) -> None:
    with open_broker("kafka-1:9092", checkout=tmp_path) as broker:
        assert (broker.bootstrap_servers, broker.own) == ("kafka-1:9092", False)


def test_without_an_address_and_a_checkout_there_is_advice(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match="--bootstrap-servers"),
        open_broker(None, checkout=tmp_path),
    ):
        pass


def test_a_checkouts_own_broker_lives_as_long_as_the_body(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
        "try:\n    print('Kafka is ready on 127.0.0.1:4711 (0 topics)', flush=True); signal.pause()\n"
        f"finally:\n    pathlib.Path({str(tmp_path)!r}, 'ended').touch()\n"
    )
    with open_broker(None, checkout=local_kafka(tmp_path, code)) as broker:
        assert (broker.bootstrap_servers, broker.own) == ("127.0.0.1:4711", True)
        assert not (tmp_path / "ended").exists()
    assert (tmp_path / "ended").exists()


def test_a_broker_that_does_not_start_says_why_in_one_line(tmp_path: Path) -> None:
    code = "import sys\nsys.exit('Starting ...\\nerror: Java is too old')"
    with (
        pytest.raises(SettingsError, match="Java is too old; or name one"),
        open_broker(None, checkout=local_kafka(tmp_path, code)),
    ):
        pass
