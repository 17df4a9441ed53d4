"""Tests of a worker's probes, signals and exit statuses; the whole runs end to end."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from consumer.config import Settings, load_settings
from consumer.errors import BrokerAuthorizationError, TwinFencedError
from consumer.jobs import TopicPartition
from consumer.loop.snapshot import LoopSnapshot, PartitionSnapshot
from consumer.worker import Worker, open_pipeline, run_until_signalled, with_port_of_slot
from modelzoo.errors import FingerprintMismatchError, ModelNotFoundError


@pytest.fixture
def settings() -> Settings:
    return load_settings(overrides={"serve": {"port": 0}})


@dataclass
class _Pipeline:
    ready: bool = False


@dataclass
class _Loop:
    snapshot: LoopSnapshot
    stops: int = 0

    def request_stop(self) -> None:
        self.stops += 1


@dataclass
class _Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class _Stage:
    """A worker whose pipeline and loop stand where a test puts them."""

    settings: Settings
    clock: _Clock = field(default_factory=_Clock)

    def __post_init__(self) -> None:
        self.worker = Worker(self.settings, clock=self.clock)

    def put(self, *, pipeline: _Pipeline | None = None, loop: _Loop | None = None) -> None:
        worker = cast("Any", self.worker)
        worker._pipeline, worker._loop = pipeline, loop


@pytest.fixture
def stage(settings: Settings) -> _Stage:
    return _Stage(settings)


def test_a_worker_that_starts_is_well_and_not_ready(stage: _Stage) -> None:
    assert stage.worker.health().ok
    assert not stage.worker.readiness().ok
    assert "model" in stage.worker.readiness().why


def test_a_loop_that_stands_still_is_not_well(stage: _Stage) -> None:
    stage.put(pipeline=_Pipeline(ready=True), loop=_Loop(LoopSnapshot(polled_at=100.0, joined=True)))
    assert stage.worker.health().ok

    stage.clock.now += 61.0
    report = stage.worker.health()
    assert not report.ok
    assert report.details["poll_age_seconds"] == 61.0


@pytest.mark.parametrize(
    ("ready", "joined", "stopping", "ok", "why"),
    [
        (False, True, False, False, "children"),
        (True, False, False, False, "group"),
        (True, True, True, False, "draining"),
        (True, True, False, True, "serving"),
    ],
)
def test_partitions_are_served_with_warm_children_in_a_joined_group_until_a_stop(
    stage: _Stage, ready: bool, joined: bool, stopping: bool, ok: bool, why: str
) -> None:
    partition = PartitionSnapshot(TopicPartition("t", 0), 3, 0, 0.0, paused=False)
    snapshot = LoopSnapshot(polled_at=100.0, joined=joined, stopping=stopping, partitions=(partition,))
    stage.put(pipeline=_Pipeline(ready=ready), loop=_Loop(snapshot))

    report = stage.worker.readiness()

    assert report.ok is ok
    assert why in report.why
    if ok:
        assert report.details == {"assigned_partitions": 1, "in_flight_tracks": 3}


def test_each_request_to_stop_reaches_the_loop(stage: _Stage) -> None:
    loop = _Loop(LoopSnapshot(polled_at=100.0))
    stage.worker.request_stop()
    stage.put(loop=loop)
    stage.worker.request_stop()

    assert loop.stops == 1


@pytest.mark.parametrize(("port", "slot", "taken"), [(9464, 0, 9464), (9464, 2, 9466), (0, 2, 0)])
def test_workers_of_one_host_listen_on_neighbouring_ports(port: int, slot: int, taken: int) -> None:
    settings = load_settings(overrides={"serve": {"port": port}, "kafka": {"slot": slot}})

    assert with_port_of_slot(settings).serve.port == taken


def test_a_missing_model_ends_the_worker_before_it_joins_any_group() -> None:
    settings = load_settings(overrides={"serve": {"port": 0}, "model": {"name": "nobody"}})

    with pytest.raises(ModelNotFoundError, match="nobody"):
        Worker(settings).run()
    with pytest.raises(ModelNotFoundError), open_pipeline(settings):
        pass


class _Scripted(Worker):
    """Runs a script in place of the service."""

    def __init__(self, settings: Settings, error: Exception | None = None, send: int | None = None) -> None:
        super().__init__(settings)
        self._error, self._send = error, send
        self.stops = 0

    def request_stop(self) -> None:
        self.stops += 1

    def run(self) -> None:
        if self._send is not None:
            os.kill(os.getpid(), self._send)
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TwinFencedError("twin"), 3),
        (FingerprintMismatchError("other features"), 4),
        (BrokerAuthorizationError("refused"), 5),
        (None, 0),
    ],
)
def test_the_exit_status_tells_the_cause(settings: Settings, error: Exception | None, status: int) -> None:
    assert run_until_signalled(_Scripted(settings, error)) == status


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_asks_for_a_drain_and_the_old_handlers_come_back(
    settings: Settings, number: int, status: int
) -> None:
    before = signal.getsignal(number)
    worker = _Scripted(settings, send=number)

    assert run_until_signalled(worker) == status
    assert worker.stops == 1
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_the_process_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr("consumer.worker.os._exit", ended.append)

    class _Stubborn(_Scripted):
        def run(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    run_until_signalled(_Stubborn(settings))

    assert ended == [128 + signal.SIGTERM]
