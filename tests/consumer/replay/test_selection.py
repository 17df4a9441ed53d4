from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from consumer.errors import EventError
from consumer.jobs import InputRecord
from consumer.loop.adapters import Reader
from consumer.replay.newest import Chosen, NewestPerTrack
from consumer.replay.range_consumer import RangeEnd
from consumer.replay.selection import RANGE_END, SUPERSEDED, Selection, microseconds, note, places_of
from consumer.topic_settings import TopicSettings
from tests.consumer.records import UPLOADS, upload_record
from tests.consumer.replay.plans import plan_of

PLACES = places_of(plan_of(100).ranges)
TOPICS = TopicSettings(uploads={"track-uploads": "track_uploaded"})


def _selection(*places: int, topics: TopicSettings = TOPICS) -> Selection:
    chosen = Chosen(np.array(sorted(places), np.int64))
    return Selection(Reader(topics), replay_id="r1", places=PLACES, chosen=chosen)


def _everything(topics: TopicSettings = TOPICS) -> Selection:
    return Selection(Reader(topics), replay_id="r1", places=PLACES, chosen=None)


def _notification(offset: int, *keys: str) -> InputRecord:
    records = [
        {
            "eventName": "s3:ObjectCreated:Put",
            "eventTime": "2030-01-01T00:00:00Z",
            "s3": {"bucket": {"name": "masters"}, "object": {"key": key, "eTag": "e", "sequencer": "1"}},
        }
        for key in keys
    ]
    return InputRecord(UPLOADS, offset, None, json.dumps({"Records": records}).encode())


def test_a_chosen_upload_is_announced_and_a_superseded_one_is_a_skip_with_its_reason() -> None:
    selection = _selection(PLACES.place(UPLOADS, 4))
    assert [upload.event.event_id for upload in selection.read(upload_record(4)).uploads] == ["event-1"]
    superseded = selection.read(upload_record(5))
    assert (superseded.uploads, superseded.skipped) == ((), (SUPERSEDED,))
    assert [selection.tracks_of(upload_record(offset)) for offset in (3, 4, 5)] == [0, 1, 0]


def test_of_several_events_in_a_record_each_is_looked_at_by_itself() -> None:
    topics = TopicSettings(uploads={"track-uploads": "bucket_notification"})
    selection = _selection(
        PLACES.place(UPLOADS, 7, event_index=1), PLACES.place(UPLOADS, 7, event_index=2), topics=topics
    )
    record = _notification(7, "a.mp3", "b.mp3", "c.mp3")
    announced = selection.read(record)
    assert [upload.event.track_id for upload in announced.uploads] == ["masters/b.mp3", "masters/c.mp3"]
    assert announced.skipped == (SUPERSEDED,)
    assert selection.tracks_of(record) == 2


def test_without_a_choice_everything_is_announced() -> None:
    assert len(_everything().read(upload_record(5)).uploads) == 1
    assert _everything().tracks_of(upload_record(5)) == 1


def test_what_cannot_be_understood_still_ends_as_an_error() -> None:
    with pytest.raises(EventError):
        _selection().read(upload_record(5, value=b"{"))


def test_the_end_of_a_range_is_a_skip() -> None:
    end = RangeEnd(UPLOADS, 9, key=None, value=None)
    for selection in (_selection(), _everything()):
        assert selection.read(end).skipped == (RANGE_END,)


def test_the_provenance_names_the_replay() -> None:
    assert _everything().provenance(upload_record(5)).replay_id == "r1"


def test_microseconds_keep_the_order_of_times_to_the_last_digit() -> None:
    moment = datetime(2030, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    assert microseconds(moment + timedelta(microseconds=1)) - microseconds(moment) == 1
    assert microseconds(datetime(1969, 12, 31, tzinfo=UTC)) == -86_400_000_000


def test_objects_whose_keys_could_be_read_alike_do_not_supersede_each_other() -> None:
    topics = TopicSettings(uploads={"track-uploads": "bucket_notification"})
    newest = NewestPerTrack()
    for offset, key in enumerate(["love+hate.mp3", "love%20hate.mp3", "love+hate.mp3"]):
        note(_notification(offset, key), reader=Reader(topics), places=PLACES, newest=newest)
    assert newest.places().tolist() == [PLACES.place(UPLOADS, 1), PLACES.place(UPLOADS, 2)]
