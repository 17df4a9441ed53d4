"""Turns an engine's labels into those of a replay: its name on them, and a result id of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from queue import Queue

from consumer.events import TrackLabelled, result_id
from consumer.jobs import Completion, Engine, Ticket, TopicPartition, TrackJob


class _Stamped(Queue[Completion]):
    """Looks like the engine's queue to the Kafka thread, and stamps what passes."""

    def __init__(self, completions: Queue[Completion], *, replay_id: str, model_sha256: str) -> None:
        super().__init__()
        self._completions = completions
        self._replay_id = replay_id
        self._model_sha256 = model_sha256

    def get(self, block: bool = True, timeout: float | None = None) -> Completion:
        completion = self._completions.get(block, timeout)
        label = completion.result
        if not isinstance(label, TrackLabelled):
            return completion
        own = result_id(event_id=label.event_id, model_sha256=self._model_sha256, replay_id=self._replay_id)
        stamped = label.model_copy(update={"result_id": own, "replay_id": self._replay_id})
        return replace(completion, result=stamped)


class StampingEngine:
    """An engine whose labels belong to a replay; the pipeline itself knows nothing of replays.

    Parameters
    ----------
    engine : Engine
        Does the work, by one model; stays the caller's to close.
    replay_id : str
        Names the replay.
    model_sha256 : str
        Of that model.
    """

    def __init__(self, engine: Engine, *, replay_id: str, model_sha256: str) -> None:
        self._engine = engine
        self._completions = _Stamped(engine.completions, replay_id=replay_id, model_sha256=model_sha256)

    @property
    def completions(self) -> Queue[Completion]:
        """Holds every job's one completion, stamped as it is taken."""
        return self._completions

    def submit(self, job: TrackJob) -> None:
        """Accept a job."""
        self._engine.submit(job)

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        """Forget the partition's jobs that have not started and name them."""
        return self._engine.cancel(topic_partition, epoch=epoch)

    def check(self) -> None:
        """Raise the fatal error that stopped the engine, if one did."""
        self._engine.check()

    def close(self) -> None:
        """Leave the engine to its owner."""
