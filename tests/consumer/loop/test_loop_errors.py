"""What the client cannot do ends the worker by its name, or is passed over; other threads are refused."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from consumer.errors import (
    BrokerAuthorizationError,
    BrokerUnavailableError,
    OffsetsLostError,
)
from consumer.jobs import TopicPartition
from consumer.memory_broker import Moment, Request
from consumer.ports import BrokerError
from tests.consumer.loop_bench import Bench
from tests.consumer.records import settings_with

UPLOADS = TopicPartition("track-uploads", 0)


def _started() -> Bench:
    bench = Bench(settings_with())
    bench.start()
    return bench


def _poll_fails(error: BrokerError, *, times: int = 1) -> Callable[[Request], None]:
    left = [times]

    def hook(request: Request) -> None:
        if request.operation == "poll" and request.moment is Moment.BEFORE and left[0]:
            left[0] -= 1
            raise error

    return hook


def test_a_passing_poll_error_is_counted_and_polled_through() -> None:
    bench = _started()
    bench.publish(1)
    bench.broker.hook = _poll_fails(BrokerError("down", code="_TRANSPORT", retriable=True), times=3)
    bench.turn_until(lambda: "track-1" in bench.engine.jobs)
    assert bench.counted("kafka_errors_total", code="_TRANSPORT") == 3


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("GROUP_AUTHORIZATION_FAILED", BrokerAuthorizationError),
        ("_AUTO_OFFSET_RESET", OffsetsLostError),
        ("_FATAL", BrokerUnavailableError),
    ],
)
def test_a_lasting_poll_error_ends_the_worker_by_its_name(code: str, raised: type[Exception]) -> None:
    bench = Bench(settings_with())
    bench.broker.hook = _poll_fails(BrokerError("no", code=code))
    with pytest.raises(raised):
        bench.loop.run()


def test_committed_offsets_that_expired_are_an_error_never_a_jump() -> None:
    bench = Bench(settings_with())
    bench.publish(*range(5))
    bench.broker.groups.group("genrestream").offsets[UPLOADS] = 1
    bench.broker.log(UPLOADS).delete_before(3)
    with pytest.raises(OffsetsLostError, match="reset-offsets"):
        bench.loop.run()


def test_the_consumer_is_refused_to_other_threads() -> None:
    bench = _started()
    raised: list[BaseException] = []

    def touch() -> None:
        try:
            bench.loop.step()
        except RuntimeError as exc:
            raised.append(exc)

    thread = threading.Thread(target=touch)
    thread.start()
    thread.join()
    assert [str(exc) for exc in raised] == [
        "MemoryConsumer.poll was called off the Kafka thread: use the loop's outcomes"
    ]
