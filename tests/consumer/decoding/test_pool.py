"""A decoding child that crashes, hangs, eats memory or talks nonsense fails its own task and no other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from math import inf
from time import monotonic

import numpy as np
import pytest
import structlog.testing

from consumer.decoding.child import Setup
from consumer.decoding.decoder import Limits
from consumer.decoding.events import Event, Failed, Samples, Vectors
from consumer.decoding.messages import Finished, Task
from consumer.decoding.nursery import Household
from consumer.decoding.pool import DecodingPool
from consumer.decoding.shared_windows import SlabShape
from consumer.errors import (
    AudioNotFoundError,
    DecoderCrashedError,
    DecoderHungError,
    DecoderOutOfMemoryError,
    DecodersUnavailableError,
    FetchTimeoutError,
    UnexpectedError,
)
from consumer.metrics import Metrics
from featurizer.errors import NotAudioError
from featurizer.spec import GTZAN57
from tests.consumer.decoding.faults import WINDOW_SAMPLES, Faulty
from tests.consumer.decoding.processes import alive, eventually, n_threads

pytestmark = pytest.mark.slow  # real child processes

MIB = 1 << 20
_numbers = count(1)


def household(
    *, processes: int = 2, start: str = "", timeout_seconds: float = 20.0, slabs: SlabShape | None = None
) -> Household:
    setup = Setup(Faulty(start), GTZAN57, slabs=slabs, max_memory_bytes=200 * MIB)
    return Household(setup, processes=processes, limits=Limits(timeout_seconds, 200 * MIB))


def open_pool(home: Household, *, metrics: Metrics | None = None) -> DecodingPool:
    pool = DecodingPool(home, metrics=metrics or Metrics())
    pool.start()
    return pool


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodingPool]:
    """One pool for many faults: that it goes on working is the point."""
    shared = open_pool(household())
    yield shared
    shared.close()


MakePool = Callable[..., DecodingPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    """Make pools of a kind of their own, and end them."""
    pools: list[DecodingPool] = []

    def make(home: Household, *, metrics: Metrics | None = None) -> DecodingPool:
        pools.append(open_pool(home, metrics=metrics))
        return pools[-1]

    yield make
    for made in pools:
        made.close()


def run(
    pool: DecodingPool, *uris: str, deadline_seconds: float = 25.0, fetch_seconds: float = 20.0
) -> dict[str, list[Event]]:
    """Give each URI's events once all tasks have ended."""
    numbers = {next(_numbers): uri for uri in uris}
    events: dict[int, list[Event]] = {number: [] for number in numbers}
    waiting = list(numbers)
    give_up = monotonic() + 60.0
    while any(not ended(found) for found in events.values()):
        assert monotonic() < give_up, f"tasks did not end: {events}"
        while waiting and pool.idle:
            number = waiting.pop(0)
            task = Task(number, track_id=numbers[number], uri=numbers[number], fetch_seconds=fetch_seconds)
            pool.assign(task, deadline=monotonic() + deadline_seconds)
        for event in pool.poll(0.05):
            events[event.number].append(event)
            if isinstance(event, Samples):
                event.release()
    return {uri: events[number] for number, uri in numbers.items()}


def ended(events: list[Event]) -> bool:
    return bool(events) and isinstance(events[-1], Finished | Failed)


def error_of(events: list[Event]) -> Exception:
    assert isinstance(events[-1], Failed), events
    return events[-1].error


def settle(pool: DecodingPool, *, ready: int) -> bool:
    def settled() -> bool:
        pool.poll(0.02)
        return pool.ready == ready

    return eventually(settled)


def test_children_featurize_and_windows_keep_their_order(pool: DecodingPool) -> None:
    events = run(pool, "ok:3")["ok:3"]
    features = np.concatenate([event.features for event in events if isinstance(event, Vectors)])
    assert features.shape == (3, GTZAN57.width)
    assert features[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("uri", "kind", "words"),
    [
        ("segv:", DecoderCrashedError, "SIGSEGV"),
        ("crash-late:", DecoderCrashedError, "SIGSEGV"),
        ("kill:", DecoderCrashedError, "SIGKILL"),
        ("exit:3", DecoderCrashedError, "exit status 3"),
        ("complain:broken huffman table", DecoderCrashedError, "SIGABRT; it last wrote: libdecoder: broken"),
        ("garbage:", DecoderCrashedError, "cannot be read"),
        ("allocate:4000", DecoderOutOfMemoryError, "ran out of memory"),
        ("eat:300", DecoderOutOfMemoryError, "was killed: max_memory_bytes="),
        ("strange:", UnexpectedError, "UnpicklableError: a lock and a lambda"),
        ("unprintable:", UnexpectedError, "its message raised RuntimeError"),
        ("not-found:", AudioNotFoundError, "nothing is stored here"),
        ("not-audio:", NotAudioError, "plain text"),
    ],
)
def test_a_fault_ends_its_own_task_under_its_own_name(
    pool: DecodingPool, uri: str, kind: type[Exception], words: str
) -> None:
    ends = run(pool, "slow:0.1", uri, "ok:1")
    error = error_of(ends[uri])
    assert isinstance(error, kind)
    assert words in str(error)
    assert isinstance(ends["slow:0.1"][-1], Finished)
    assert isinstance(ends["ok:1"][-1], Finished)


def test_noise_on_standard_output_and_error_disturbs_nothing(pool: DecodingPool) -> None:
    assert isinstance(run(pool, "chatter:2000")["chatter:2000"][-1], Finished)


@pytest.mark.parametrize("uri", ["hang:", "hang-in-c:"])
def test_a_child_that_hangs_is_killed_at_its_time_limit(make_pool: MakePool, uri: str) -> None:
    ends = run(make_pool(household(timeout_seconds=0.3)), uri, "ok:1")
    assert isinstance(error_of(ends[uri]), DecoderHungError)
    assert isinstance(ends["ok:1"][-1], Finished)


def test_what_a_child_writes_is_logged_with_its_own_track(pool: DecodingPool) -> None:
    with structlog.testing.capture_logs() as logs:
        run(pool, "ok:1", "chatter:3", "slow:0.1")
    (written,) = [entry for entry in logs if entry["event"] == "decoder wrote"]
    assert written["log_level"] == "debug"
    assert written["track_id"] == "chatter:3"
    assert "libdecoder: warning" in written["text"]


@pytest.mark.parametrize("uri", ["hang:", "hang-in-c:"])
def test_a_child_that_works_past_the_tracks_deadline_is_killed(pool: DecodingPool, uri: str) -> None:
    assert isinstance(error_of(run(pool, uri, deadline_seconds=0.2)[uri]), DecoderHungError)


def test_a_fetch_that_does_not_end_itself_is_killed_and_may_be_tried_again(pool: DecodingPool) -> None:
    error = error_of(run(pool, "hang-in-fetch:", fetch_seconds=0.1)["hang-in-fetch:"])
    assert isinstance(error, FetchTimeoutError)


def test_samples_arrive_through_shared_memory_and_wait_for_free_slabs(make_pool: MakePool) -> None:
    slabs = SlabShape(slabs=2, windows=1, window_samples=WINDOW_SAMPLES)
    pool = make_pool(household(processes=1, slabs=slabs, timeout_seconds=0.5))
    assert settle(pool, ready=1)
    pool.assign(Task(1, track_id="t", uri="ok:5", fetch_seconds=9.0), deadline=monotonic() + 20.0)
    held: list[Samples] = []
    firsts: list[float] = []

    def two_slabs_are_out() -> bool:
        held.extend(event for event in pool.poll(0.02) if isinstance(event, Samples))
        return len(held) == 2

    assert eventually(two_slabs_are_out)
    # Twice the child's time limit passes, but it waits for us and is not to blame.
    waited_until = monotonic() + 1.0
    while monotonic() < waited_until:
        assert pool.poll(0.1) == []
    events: list[Event] = []
    while held or not ended(events):
        for event in held:
            firsts.append(float(event.windows[0, 0]))
            event.release()
        fresh = pool.poll(0.05)
        held = [event for event in fresh if isinstance(event, Samples)]
        events += fresh
    assert isinstance(events[-1], Finished)
    assert firsts == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_a_child_that_dies_idle_is_replaced(make_pool: MakePool) -> None:
    metrics = Metrics()
    pool = make_pool(household(), metrics=metrics)
    assert settle(pool, ready=2)
    before = set(pool.pids)
    os.kill(pool.pids[-1], signal.SIGKILL)
    assert eventually(lambda: pool.poll(0.02) == [] and pool.ready == 1)
    assert settle(pool, ready=2)
    assert len(before & set(pool.pids)) == 2
    restarts = "genrestream_decoder_restarts_total"
    assert metrics.registry.get_sample_value(restarts, {"cause": "idle_death"}) == 1


def test_a_task_given_to_a_child_that_has_just_died_goes_to_another(pool: DecodingPool) -> None:
    assert settle(pool, ready=2)
    for pid in pool.pids[1:]:
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not alive(pool.pids[1:]))
    # The pool has not yet heard of the deaths.
    assert pool.idle == 2
    assert not pool.assign(Task(next(_numbers), track_id="t", uri="ok:1", fetch_seconds=9.0), deadline=inf)
    assert isinstance(run(pool, "ok:1")["ok:1"][-1], Finished)


def test_a_child_whose_memory_ran_out_is_replaced_by_a_fresh_one(pool: DecodingPool) -> None:
    assert settle(pool, ready=2)
    before = set(pool.pids)
    assert isinstance(error_of(run(pool, "allocate:4000")["allocate:4000"]), DecoderOutOfMemoryError)
    assert eventually(lambda: pool.poll(0.02) == [] and len(before & set(pool.pids)) == 2)
    assert settle(pool, ready=2)


def test_a_result_sent_with_the_last_breath_still_counts(pool: DecodingPool) -> None:
    assert settle(pool, ready=2)
    number = next(_numbers)
    task = Task(number, track_id="t", uri="last-breath:", fetch_seconds=9.0)
    assert pool.assign(task, deadline=inf)
    assert eventually(lambda: len(alive(pool.pids)) == 2)
    events: list[Event] = []
    while not ended(events):
        events += pool.poll(0.05)
    assert isinstance(events[-1], Finished)


def test_a_fork_server_that_dies_is_replaced_with_its_children(make_pool: MakePool) -> None:
    pool = make_pool(household())
    assert settle(pool, ready=2)
    before = pool.pids
    os.kill(pool.pids[0], signal.SIGKILL)
    assert eventually(lambda: pool.poll(0.02) == [] and not set(before) & set(pool.pids))
    assert settle(pool, ready=2)
    assert not alive(before)
    assert isinstance(run(pool, "ok:1")["ok:1"][-1], Finished)


@pytest.mark.parametrize(
    ("start", "words"), [("raise", "no such library: libfault.so"), ("exit", "exit status 7")]
)
def test_children_that_cannot_start_are_a_fatal_error_with_the_reason(
    make_pool: MakePool, start: str, words: str
) -> None:
    pool = make_pool(household(start=start))

    def fails() -> bool:
        pool.poll(0.02)
        return False

    with pytest.raises(DecodersUnavailableError, match=words):
        eventually(fails)


def test_the_server_has_one_thread_when_it_forks(pool: DecodingPool) -> None:
    assert settle(pool, ready=2)
    assert [n_threads(pid) for pid in pool.pids] == [1, 1, 1]


def test_closing_with_work_in_flight_leaves_no_process(make_pool: MakePool) -> None:
    pool = make_pool(household())
    assert settle(pool, ready=2)
    pids = pool.pids
    for number, uri in enumerate(("hang:", "hang-in-c:"), start=1):
        pool.assign(Task(number, track_id="t", uri=uri, fetch_seconds=9.0), deadline=monotonic() + 9.0)
    pool.poll(0.1)
    pool.close()
    assert eventually(lambda: not alive(pids))
