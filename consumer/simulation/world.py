"""Turns a seed into one run: workers that come, stall, crash and go over a broker that comes and goes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import Random
from typing import Any, Final

from consumer.errors import FatalError
from consumer.jobs import OutputRecord
from consumer.loop.kafka_loop import KafkaLoop
from consumer.memory_broker import MemoryBroker, MemoryConsumer, MemoryProducer
from consumer.memory_broker.log import Transaction, TransactionState
from consumer.metrics import Metrics
from consumer.ports import BrokerError
from consumer.simulation.chaos import QUIET, Chaos, Crash, draw_odds
from consumer.simulation.load import SimulatedEngine, upload
from consumer.simulation.oracle import Oracle, ViolationError
from consumer.simulation.setting import create_topics, draw_settings
from consumer.simulation.timeline import Timeline

_CHAOS_SECONDS: Final = 15.0
_MAX_TURNS: Final = 20_000
_MAX_SECONDS: Final = 600.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Worker:
    """One process: its loop, and whether it lives, is within a turn, or stands still."""

    client_id: str
    slot: int
    loop: KafkaLoop
    consumer: MemoryConsumer
    alive: bool = True
    busy: bool = False


class World:
    """One run.

    Parameters
    ----------
    seed : int
        Decides everything.
    loop_type : type of KafkaLoop
        The loop to try: tests break it on purpose.
    """

    def __init__(self, seed: int, *, loop_type: type[KafkaLoop] = KafkaLoop) -> None:
        self.rng = Random(seed)
        self.timeline = Timeline()
        self.settings = draw_settings(self.rng)
        self.clock = self.timeline.clock(self.wait)
        kafka = self.settings.kafka
        self.broker = MemoryBroker(
            self.clock,
            session_timeout_seconds=kafka.session_timeout_seconds,
            max_poll_interval_seconds=kafka.max_poll_interval_seconds,
        )
        create_topics(self.broker, self.settings, self.rng)
        exactly_once = kafka.delivery.value == "exactly_once"
        self.oracle = Oracle(self.broker, settings=self.settings, exactly_once=exactly_once)
        self.chaos = Chaos(self, rng=self.rng, odds=draw_odds(self.rng), is_down=lambda: self._down)
        self.broker.hook = self.chaos
        self.workers: list[Worker] = []
        self._loop_type = loop_type
        self._down = False
        self._n_workers = 0
        self._to_arrive = 0

    def run(self) -> None:
        """Live through the chaos, then let all be finished in quiet, and judge.

        Raises
        ------
        ViolationError
            A promise was broken.
        """
        self._plan()
        self._turn_until(lambda: self.timeline.now >= _CHAOS_SECONDS and not self._to_arrive)
        self._calm()
        self._turn_until(self.oracle.drained)
        self.oracle.check_outcomes()

    def wait(self, seconds: float) -> None:
        """Let time pass: a short wait may be a long one for whom the machine forgets for a while."""
        if self.rng.random() < 0.5:
            seconds = max(seconds, self.timeline.until_next(at_most=0.25))
        self.timeline.advance(seconds)
        if self.rng.random() < 0.3:
            self.interleave()

    def interleave(self) -> None:
        """Let another worker make a turn within this one's."""
        idle = [worker for worker in self.workers if worker.alive and not worker.busy]
        if idle:
            self._turn(self.rng.choice(idle))

    def freeze(self, client_id: str, seconds: float) -> None:
        """Stop a worker amid its request while time passes for the others."""
        worker = self._worker(client_id)
        worker.consumer.frozen = True
        self._say("%s freezes for %.0f s", client_id, seconds)
        until = self.timeline.now + seconds
        while self.timeline.now < until:
            self.timeline.advance(min(0.5, until - self.timeline.now))
            self.interleave()
        worker.consumer.frozen = not worker.alive

    def stall(self, client_id: str, seconds: float) -> None:
        """Keep a worker from polling while its heartbeats go on."""
        self._say("%s stalls for %.0f s", client_id, seconds)
        self.timeline.advance(seconds)

    def fence(self, client_id: str) -> None:
        """Take a worker's transactional.id over for a moment."""
        worker = self._worker(client_id)
        self._say("%s is fenced", client_id)
        self.broker.coordinator.init(self._transactional_id(worker.slot), timeout_seconds=5.0)

    def _plan(self) -> None:
        rng = self.rng
        for number in range(rng.randint(3, 20)):
            self._to_arrive += 1
            self.timeline.plan(rng.uniform(0.0, 8.0), partial(self._arrive, number))
        for _ in range(rng.randint(1, 3)):
            self.timeline.plan(rng.choice((0.0, 0.0, rng.uniform(0.0, 6.0))), self._spawn)
        for _ in range(rng.choice((0, 0, 1, 2))):
            self.timeline.plan(rng.uniform(1.0, 12.0), self._spawn)
            self.timeline.plan(rng.uniform(1.0, 12.0), self._ask_one_to_stop)
        if rng.random() < 0.3:
            start = rng.uniform(0.5, 10.0)
            self.timeline.plan(start, lambda: self._set_down(True))
            self.timeline.plan(start + rng.choice((0.5, 3.0, 12.0)), lambda: self._set_down(False))

    def _arrive(self, number: int) -> None:
        """Publish an upload, or something that is none, after some offsets that hold no record."""
        self._to_arrive -= 1
        topic = self.rng.choice(list(self.settings.topics.uploads))
        partition = self.rng.choice(self.broker.partitions([topic]))
        if self.rng.random() < 0.5:
            self.broker.log(partition).skip(self.rng.randint(1, 3))
        if self.rng.random() < 0.1:
            self._publish_aborted(topic, number)
        value = b"no upload" if self.rng.random() < 0.1 else upload(number)
        record = self.broker.publish(topic, value, key=f"track-{number}".encode())
        self.oracle.expect(f"event-{number}", record)

    def _publish_aborted(self, topic: str, number: int) -> None:
        transaction = Transaction("upstream", self.timeline.now)
        self.broker.append(
            OutputRecord(topic, f"track-{number}".encode(), b"aborted"), transaction=transaction
        )
        transaction.state = TransactionState.ABORTED
        for log in transaction.logs:
            log.mark_end(transaction)

    def _spawn(self) -> None:
        taken = {worker.slot for worker in self.workers if worker.alive}
        slot = next(slot for slot in range(len(self.workers) + 1) if slot not in taken)
        client_id = f"worker-{self._n_workers}"
        self._n_workers += 1
        kafka = self.settings.kafka
        consumer = MemoryConsumer(
            self.broker,
            group=kafka.group,
            client_id=client_id,
            protocol=kafka.group_protocol,
            poll_step_seconds=1.0,
        )
        exactly_once = kafka.delivery.value == "exactly_once"
        loop = self._loop_type(
            self.settings,
            consumer=consumer,
            new_producer=lambda: MemoryProducer(
                self.broker,
                group=kafka.group,
                transactional_id=self._transactional_id(slot) if exactly_once else None,
                client_id=client_id,
                transaction_timeout_seconds=kafka.transaction_timeout_seconds,
            ),
            engine=SimulatedEngine(
                self.timeline,
                self.rng,
                on_check=partial(self.chaos.pause, client_id),
                keeps_features=self.settings.worker.feature_log,
            ),
            metrics=_metrics(),
            clock=self.clock,
        )
        loop.start()
        self.workers.append(Worker(client_id, slot, loop, consumer))
        self._say("%s starts", client_id)

    def _transactional_id(self, slot: int) -> str:
        return f"simulated-{slot}"

    def _ask_one_to_stop(self) -> None:
        living = [worker for worker in self.workers if worker.alive]
        if living:
            self.rng.choice(living).loop.request_stop()

    def _set_down(self, down: bool) -> None:
        self._down = down
        self._say("the broker is %s", "down" if down else "up")

    def _worker(self, client_id: str) -> Worker:
        return next(worker for worker in self.workers if worker.client_id == client_id)

    def _turn_until(self, done: Callable[[], bool]) -> None:
        for _ in range(_MAX_TURNS):
            if done():
                return
            ready = [worker for worker in self.workers if worker.alive]
            if ready:
                self._turn(self.rng.choice(ready))
            else:
                self.timeline.advance(0.5)
                if self.rng.random() < 0.3:
                    self._spawn()
            self.oracle.check_commits()
            if self.timeline.now > _MAX_SECONDS:
                break
        raise ViolationError(f"not drained after {self.timeline.now:.0f} s")

    def _turn(self, worker: Worker) -> None:
        worker.busy = True
        try:
            if not worker.loop.step():
                worker.loop.close()
                worker.alive = False
                self._say("%s has stopped", worker.client_id)
        except (Crash, FatalError, BrokerError) as exc:
            worker.alive = False
            worker.consumer.frozen = True
            self._say("%s dies: %r", worker.client_id, exc)
        finally:
            worker.busy = False

    def _calm(self) -> None:
        self.chaos.odds = QUIET
        self._down = False
        self._say("quiet from here on")
        if not any(worker.alive for worker in self.workers):
            self._spawn()

    def _say(self, message: str, *details: Any) -> None:
        _log.info("%8.3f " + message, self.timeline.now, *details)


def simulate(seed: int, *, loop_type: type[KafkaLoop] = KafkaLoop) -> World:
    """Run one seed to its end.

    Raises
    ------
    ViolationError
        A promise was broken.
    """
    world = World(seed, loop_type=loop_type)
    world.run()
    return world


@cache
def _metrics() -> Metrics:
    """Give the metrics that all simulated workers share; nobody reads them."""
    return Metrics()
