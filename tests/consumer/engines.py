"""Labels tracks without audio: an engine that answers from a function, and labels made of nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from queue import Queue

from consumer.events import (
    AudioSummary,
    GenreProbability,
    ModelStamp,
    Status,
    Timing,
    TrackLabelled,
    TrackUploaded,
    WindowSummary,
)
from consumer.jobs import Completion, Ticket, TopicPartition, TrackJob

MOMENT = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def label_for(
    upload: TrackUploaded,
    *,
    genre: str | None = "jazz",
    confidence: float = 0.8,
    warnings: tuple[str, ...] = (),
) -> TrackLabelled:
    """Give a well-formed label of an upload, or an abstention where the genre is null."""
    rest = (1.0 - confidence) / 2
    return TrackLabelled(
        result_id=f"result of {upload.event_id}",
        event_id=upload.event_id,
        track_id=upload.track_id,
        status=Status.LABELLED if genre else Status.ABSTAINED,
        abstain_reason=None if genre else "low_confidence",
        genre=genre,
        confidence=confidence,
        genres=tuple(
            GenreProbability(genre=name, probability=probability)
            for name, probability in ((genre or "jazz", confidence), ("blues", rest), ("rock", rest))
        ),
        windows=WindowSummary(count=10, agreement=0.9),
        audio=AudioSummary(duration_seconds=30.0, codec="mp3", sample_rate=44_100, warnings=warnings),
        model=ModelStamp(name="test", version="1.0.0", features="gtzan57"),
        timing=Timing(
            uploaded_at=MOMENT,
            started_at=MOMENT,
            labelled_at=MOMENT,
            fetch_seconds=0.0,
            decode_seconds=0.0,
            featurize_seconds=0.0,
            score_seconds=0.0,
            wait_seconds=0.0,
        ),
    )


Answer = Callable[[TrackUploaded], TrackLabelled | BaseException | None]


class AnsweringEngine:
    """Ends each job at once with what `answer` gives; None leaves it unanswered."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.completions: Queue[Completion] = Queue()
        self.jobs: list[TrackJob] = []
        self.failure: BaseException | None = None
        self.closed = False

    def submit(self, job: TrackJob) -> None:
        self.jobs.append(job)
        result = self._answer(job.event)
        if result is not None:
            self.completions.put(Completion(job.ticket, result))

    def cancel(self, topic_partition: TopicPartition, *, epoch: int) -> Sequence[Ticket]:
        return ()

    def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        self.closed = True
