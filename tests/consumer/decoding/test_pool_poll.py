"""A poll of the pool looks after working children all along, and ends early only with something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest

from consumer.decoding.events import Failed
from consumer.decoding.messages import Fetched, Task
from consumer.decoding.pool import DecodingPool
from consumer.errors import DecoderHungError
from tests.consumer.decoding.test_pool import household, open_pool, settle

pytestmark = pytest.mark.slow  # real child processes


@pytest.fixture
def pool() -> Iterator[DecodingPool]:
    pool = open_pool(household(processes=1))
    assert settle(pool, ready=1)
    yield pool
    pool.close()


def _hang(pool: DecodingPool, *, deadline_seconds: float) -> None:
    task = Task(1, track_id="hang", uri="hang:", fetch_seconds=20.0)
    assert pool.assign(task, deadline=monotonic() + deadline_seconds)
    [fetched] = pool.poll(10.0)
    assert isinstance(fetched, Fetched)


def test_a_poll_without_events_lasts_its_whole_time_while_a_child_works(pool: DecodingPool) -> None:
    _hang(pool, deadline_seconds=60.0)
    before = monotonic()
    assert pool.poll(0.3) == []
    assert 0.29 < monotonic() - before < 5.0


def test_a_child_is_killed_within_one_long_poll_which_ends_with_the_news(pool: DecodingPool) -> None:
    _hang(pool, deadline_seconds=0.3)
    before = monotonic()
    while not (events := pool.poll(20.0)):  # its link's end may be read before its death is
        assert monotonic() - before < 10.0
    [failed] = events
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, DecoderHungError)
    assert monotonic() - before < 10.0
