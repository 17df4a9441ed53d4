from __future__ import annotations

from queue import Empty

import pytest

from consumer.errors import AudioNotFoundError
from consumer.events import TrackLabelled, result_id
from consumer.jobs import Ticket, TrackJob
from consumer.replay.stamping import StampingEngine
from tests.consumer.engines import AnsweringEngine, label_for
from tests.consumer.records import UPLOADS, upload_event


def _job(number: int) -> TrackJob:
    return TrackJob(Ticket(UPLOADS, 1, number, 0), upload_event(number), deadline=99.0)


def test_labels_carry_the_replay_and_a_result_id_of_their_own() -> None:
    engine = StampingEngine(AnsweringEngine(label_for), replay_id="r1", model_sha256="ab")
    engine.submit(_job(1))
    label = engine.completions.get_nowait().result
    assert isinstance(label, TrackLabelled)
    assert label.replay_id == "r1"
    assert label.result_id == result_id(event_id="event-1", model_sha256="ab", replay_id="r1")
    usual = label_for(upload_event(1))
    assert label.model_copy(update={"replay_id": None, "result_id": usual.result_id}) == usual


def test_errors_and_an_empty_queue_pass_as_they_are() -> None:
    error = AudioNotFoundError("gone")
    engine = StampingEngine(AnsweringEngine(lambda _: error), replay_id="r1", model_sha256="ab")
    engine.submit(_job(1))
    assert engine.completions.get_nowait().result is error
    with pytest.raises(Empty):
        engine.completions.get_nowait()


def test_what_stops_the_engine_is_heard_and_its_end_is_its_owners() -> None:
    inner = AnsweringEngine(lambda _: None)
    engine = StampingEngine(inner, replay_id="r1", model_sha256="ab")
    inner.failure = RuntimeError("it broke")
    with pytest.raises(RuntimeError, match="broke"):
        engine.check()
    engine.close()
    assert not inner.closed
    assert engine.cancel(UPLOADS, epoch=1) == ()
