from __future__ import annotations

import threading

import pytest

from consumer.kafka.bounded import call_within
from consumer.ports import BrokerError


def test_a_call_that_returns_has_been_made() -> None:
    made: list[str] = []
    call_within(5.0, call=lambda: made.append("call"), doing="add offsets")
    assert made == ["call"]


def test_a_call_that_raises_raises_here() -> None:
    def fail() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        call_within(5.0, call=fail, doing="add offsets")


def test_a_call_that_never_returns_is_left_behind_and_its_client_is_dead() -> None:
    never = threading.Event()
    try:
        with pytest.raises(BrokerError, match=r"add offsets: no answer within 0\.1 s") as caught:
            call_within(0.1, call=never.wait, doing="add offsets")
        assert caught.value.fatal
        assert caught.value.code == "_TIMED_OUT"
    finally:
        never.set()
