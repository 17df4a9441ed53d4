"""Uploads and features are judged without a broker: by engines and models that answer from a function."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from consumer.config import Settings, WorkerSettings
from consumer.errors import AudioNotFoundError, SettingsError
from consumer.events import TrackLabelled, TrackUploaded
from consumer.feature_codec import encode_features
from consumer.feature_record import TrackFeatures
from consumer.jobs import Completion, InputRecord, TopicPartition, TrackJob
from consumer.loop.adapters import Reader
from consumer.replay.churn import ChurnTally
from consumer.replay.churn_report import ChurnReport
from consumer.replay.dry_run import DryRun, LabelLog, StoppedError, Watch, try_model
from consumer.replay.newest import Chosen, Places
from consumer.replay.pace import Pace
from consumer.replay.progress import ReplayProgress
from consumer.replay.running import Onlooker
from consumer.replay.selection import Selection
from consumer.replay.standing import StandingLabels, opinion_of
from consumer.replay.stopping import StopRequest
from consumer.replay.trying_features import FeatureJudge
from consumer.replay.trying_uploads import UploadJudge, read_uploads
from featurizer.spec import GTZAN57
from modelzoo.manifest import Manifest
from modelzoo.registry import Artifact
from tests.consumer.engines import MOMENT, Answer, AnsweringEngine, label_for
from tests.consumer.feature_records import features_of
from tests.consumer.records import UPLOADS, upload_event, upload_record
from tests.consumer.replay.plans import TERMS
from tests.modelzoo.artifacts import make_manifest

LOG = TopicPartition("track-features", 0)


def _report(tally: ChurnTally) -> ChurnReport:
    return tally.report(TERMS, made_at=MOMENT, finished=True)


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def _judge_uploads(
    answer: Answer, uploads: Iterable[TrackUploaded], *, most: int = 4, engine: AnsweringEngine | None = None
) -> tuple[ChurnReport, AnsweringEngine]:
    engine = engine or AnsweringEngine(answer)
    tally = ChurnTally(StandingLabels())
    judge = UploadJudge(
        engine,
        settings=WorkerSettings(max_in_flight=most),
        tally=tally,
        check=lambda: None,
        pace=Pace(None),
    )
    judge.judge(iter(uploads))
    return _report(tally), engine


def test_every_upload_ends_as_a_label_or_a_failure_by_its_reason() -> None:
    def answer(upload: TrackUploaded) -> TrackLabelled | BaseException:
        number = int(upload.track_id.removeprefix("track-"))
        if number % 5 == 0:
            return AudioNotFoundError("gone")
        return label_for(upload, genre="jazz" if number % 2 else None)

    report, engine = _judge_uploads(answer, map(upload_event, range(100)))
    assert len(engine.jobs) == 100
    assert {(one.genre, one.tracks) for one in report.without_label} == {("jazz", 40), (None, 40)}
    assert [(one.reason, one.count) for one in report.failures] == [("not_found", 20)]
    assert not engine.closed


def test_no_more_tracks_are_under_way_than_a_worker_would_have() -> None:
    class Slow(AnsweringEngine):
        most = 0

        def submit(self, job: TrackJob) -> None:
            self.jobs.append(job)
            self.most = max(self.most, len(self.jobs))
            if len(self.jobs) == 3:  # all credits are out: now the first ends
                first = self.jobs.pop(0)
                self.completions.put(Completion(first.ticket, label_for(first.event)))

        def check(self) -> None:
            for job in self.jobs:
                self.completions.put(Completion(job.ticket, label_for(job.event)))
            self.jobs.clear()

    engine = Slow(lambda _: None)
    report, _ = _judge_uploads(lambda _: None, map(upload_event, range(20)), most=3, engine=engine)
    assert engine.most == 3
    assert report.counts.judged == 20


def test_a_track_that_the_engine_forgot_is_a_failure_and_its_late_label_counts_no_more() -> None:
    clock, tally = Hand(), ChurnTally(StandingLabels())
    jobs: list[TrackJob] = []

    class Forgetful(AnsweringEngine):
        def submit(self, job: TrackJob) -> None:
            jobs.append(job)
            if len(jobs) == 2:
                for late in jobs:
                    self.completions.put(Completion(late.ticket, label_for(late.event)))

        def check(self) -> None:
            clock.now += 1_000.0

    judge = UploadJudge(
        Forgetful(lambda _: None),
        settings=WorkerSettings(max_in_flight=1),
        tally=tally,
        check=lambda: None,
        pace=Pace(None),
        clock=clock,
    )
    judge.judge(map(upload_event, range(2)))
    report = _report(tally)
    assert [(one.reason, one.count) for one in report.failures] == [("deadline", 1)]
    assert report.counts.judged == 1


def test_what_ends_a_worker_ends_a_dry_run() -> None:
    with pytest.raises(SettingsError, match="no such"):
        _judge_uploads(lambda _: SettingsError("no such"), [upload_event()])
    engine = AnsweringEngine(lambda _: None)
    engine.failure = SettingsError("broken")
    with pytest.raises(SettingsError, match="broken"):
        _judge_uploads(lambda _: None, [upload_event()], engine=engine)


def test_a_stop_is_noticed_while_tracks_are_under_way() -> None:
    def check() -> None:
        raise StoppedError

    judge = UploadJudge(
        AnsweringEngine(lambda _: None),
        settings=WorkerSettings(),
        tally=ChurnTally(StandingLabels()),
        check=check,
        pace=Pace(None),
    )
    with pytest.raises(StoppedError):
        judge.judge(iter([upload_event()]))


def test_of_a_record_the_superseded_and_the_unreadable_are_counted() -> None:
    places = Places({UPLOADS: 0})
    chosen = Chosen(np.array([places.place(UPLOADS, 1)], np.int64))
    selection = Selection(Reader(Settings().topics), replay_id="-", places=places, chosen=chosen)
    tally = ChurnTally(StandingLabels())
    records = [
        upload_record(0, number=1),
        upload_record(1, number=2),
        upload_record(2, value=b"{"),
    ]
    found = [upload.track_id for one in records for upload in read_uploads(one, selection, tally=tally)]
    assert found == ["track-2"]
    report = _report(tally)
    assert [(one.reason, one.count) for one in report.left_out] == [("superseded", 1)]
    assert [(one.reason, one.count) for one in report.failures] == [("invalid_event", 1)]


class Sharp:
    """A model of three genres: the softmax of the first three features."""

    def __init__(self, threshold: float = 0.0) -> None:
        self.manifest: Manifest = make_manifest(threshold=threshold)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        with np.errstate(over="ignore", invalid="ignore"):
            weights = np.exp(features[:, :3])
            return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _record(track: TrackFeatures) -> InputRecord:
    return InputRecord(LOG, 0, track.track_id.encode(), encode_features(track))


def _leaning(track_id: str, genre: int) -> TrackFeatures:
    track = features_of(track_id)
    features = np.zeros_like(track.features)
    features[:, genre] = 5.0
    return replace(track, features=features)


def test_features_are_judged_in_a_batch_and_one_bad_record_spoils_no_other() -> None:
    standing = StandingLabels()
    upload = upload_event().model_copy(update={"uploaded_at": MOMENT})
    for name in ("same", "moved"):
        label = label_for(upload.model_copy(update={"track_id": name}), genre="jazz")
        standing.add(name, opinion_of(label))
    tally = ChurnTally(standing)
    absurd = features_of("absurd")
    FeatureJudge(Sharp(), tally=tally).judge(
        [
            _record(_leaning("same", 1)),
            InputRecord(LOG, 0, b"k", b"damaged"),
            _record(
                replace(features_of("other"), spec_fingerprint=replace(GTZAN57, revision=99).fingerprint)
            ),
            _record(replace(absurd, features=np.full_like(absurd.features, 3e38))),
            _record(_leaning("moved", 2)),
            _record(_leaning("new", 0)),
        ]
    )
    report = _report(tally)
    assert {(one.before, one.after) for one in report.matrix} == {("jazz", "jazz"), ("jazz", "rock")}
    assert [one.genre for one in report.without_label] == ["blues"]
    assert {one.reason for one in report.failures} == {"invalid_feature_record", "unexpected"}
    assert [one.reason for one in report.left_out] == ["other_features"]
    # exp(5) / (exp(5) + 2), whatever the number of windows
    assert report.most_changed[0].after.confidence == pytest.approx(0.98670, abs=1e-5)


def test_a_model_that_is_not_sure_enough_abstains_in_the_report_too() -> None:
    tally = ChurnTally(StandingLabels())
    FeatureJudge(Sharp(threshold=1.0), tally=tally).judge([_record(_leaning("a", 1))])
    assert [(one.genre, one.tracks) for one in _report(tally).without_label] == [(None, 1)]


def _dry_run(labels: Iterable[TrackLabelled] = (), *, stop: StopRequest | None = None) -> DryRun:
    def current(on_read: object) -> Iterable[TrackLabelled]:
        for label in labels:
            if stop is not None:
                stop.note(signal.SIGTERM)
            assert callable(on_read)
            on_read(1)
            yield label

    artifact = Artifact(make_manifest(), Path("nowhere"), b"")
    return DryRun(TERMS, {}, artifact, LabelLog(10, current))


def test_a_stop_while_the_labels_are_read_is_a_report_that_is_not_finished() -> None:
    stop = StopRequest()
    run = _dry_run([label_for(upload_event())], stop=stop)
    told: list[tuple[int, int]] = []
    onlooker = Onlooker(lambda *read: told.append(read), lambda: None, lambda _: None)
    report = try_model(Settings(), run, stop=stop, onlooker=onlooker)
    assert not report.finished
    assert report.counts.judged == 0


def test_progress_counts_two_passes_over_the_labels_and_gives_a_rate() -> None:
    told: list[tuple[int, int]] = []
    shown: list[ReplayProgress] = []
    run = replace(_dry_run(), ranges={})
    clock = Hand()
    onlooker = Onlooker(lambda *read: told.append(read), lambda: None, shown.append)
    watch = Watch(run, stop=StopRequest(), onlooker=onlooker, clock=clock)
    watch.read(7)
    assert watch.goes_on(3)
    assert told == [(7, 20), (10, 20)]
    watch._total = 100
    for done in (10, 20, 100):
        watch.label(done)
        clock.now += 1.0 if done < 20 else 0.1
    assert [one.done for one in shown] == [10, 20, 100]
    assert shown[1].rate == pytest.approx(10.0, rel=0.01)
    assert [one.finished for one in shown] == [False, False, True]


def test_an_upload_of_the_range_that_is_older_than_the_label_is_not_compared() -> None:
    standing, upload = StandingLabels(), upload_event()
    standing.add(upload.track_id, opinion_of(label_for(upload)))
    tally = ChurnTally(standing)
    older = label_for(upload)
    older = older.model_copy(
        update={"timing": older.timing.model_copy(update={"uploaded_at": MOMENT - timedelta(microseconds=1)})}
    )
    tally.judge(upload.track_id, opinion_of(older))
    assert _report(tally).counts.newer_elsewhere == 1
