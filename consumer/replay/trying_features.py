"""Turns a range of the feature log into what a model says about each track's newest record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from consumer.config import Settings
from consumer.errors import EventError, OtherFeaturesError, UnexpectedError
from consumer.feature_codec import FeatureDecoder
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord
from consumer.kafka import RangeReader
from consumer.pipeline.genres import compare
from consumer.pipeline.scoring import ScorerPort
from consumer.replay.churn import ChurnTally
from consumer.replay.feature_labels import score_tracks
from consumer.replay.newest_features import newest_features
from consumer.replay.pace import Pace
from consumer.replay.selection import SUPERSEDED, places_of
from consumer.replay.standing import Opinion
from featurizer.spec import GTZAN57
from modelzoo.scorer import OnnxScorer

if TYPE_CHECKING:
    from consumer.replay.dry_run import DryRun, Watch

_BATCH_RECORDS: Final = 1_000
_TOMBSTONE: Final = "tombstone"
_LONGEST_WAIT_SECONDS: Final = 0.2


def judge_features(settings: Settings, run: DryRun, *, tally: ChurnTally, watch: Watch, pace: Pace) -> None:
    """Score each track's newest record of the ranges and count what is said of it.

    Parameters
    ----------
    settings : Settings
        Broker and device.
    run : DryRun
        Ranges and model.
    tally : ChurnTally
        Counts.
    watch : Watch
        Told of the progress; ends this by its own exception.
    pace : Pace
        Gives leave.

    Raises
    ------
    BrokerError
        The broker does not answer, or refuses us.
    DeviceUnavailableError, ModelError
        The model cannot be run here.
    """
    chosen = newest_features(settings.kafka, run.ranges, on_read=watch.goes_on)
    watch.warm()
    scorer = OnnxScorer(run.artifact, device=settings.worker.device)
    scorer.warm_up()
    judge, places = FeatureJudge(scorer, tally=tally), places_of(run.ranges)
    # No batch waits for longer than a second.
    size = _BATCH_RECORDS if run.rate is None else max(1, min(_BATCH_RECORDS, int(run.rate)))
    first = sum(span.start for span in run.ranges.values())
    with RangeReader(settings.kafka, run.ranges) as reader:
        while not reader.finished:
            records = reader.poll_batch(size)
            wanted = [
                record
                for record in records
                if chosen is not None and places.place(record.topic_partition, record.offset) in chosen
            ]
            tombstones = sum(record.value is None for record in records)
            tally.leave_out(_TOMBSTONE, tombstones)
            tally.leave_out(SUPERSEDED, len(records) - tombstones - len(wanted))
            _wait(pace, len(wanted), watch=watch)
            judge.judge(wanted)
            watch.label(sum(reader.position().values()) - first)


class FeatureJudge:
    """Says what a model says of records of the feature log; one thread.

    Parameters
    ----------
    scorer : ScorerPort
        The model.
    tally : ChurnTally
        Counts.
    """

    def __init__(self, scorer: ScorerPort, *, tally: ChurnTally) -> None:
        self._scorer = scorer
        self._tally = tally
        self._decoder = FeatureDecoder(GTZAN57)

    def judge(self, records: Sequence[InputRecord]) -> None:
        """Score a batch of records and count each.

        Raises
        ------
        ModelError
            The model itself is at fault.
        """
        tracks: list[TrackFeatures] = []
        for record in records:
            try:
                tracks.append(self._decoder.decode(record.value or b""))
            except OtherFeaturesError as exc:
                self._tally.leave_out(exc.reason)
            except EventError as exc:
                self._tally.fail(exc.reason)
        if tracks:
            self._score(tracks)

    def _score(self, tracks: Sequence[TrackFeatures]) -> None:
        manifest = self._scorer.manifest
        _, verdicts = score_tracks(tracks, self._scorer)
        rows = zip(
            tracks,
            verdicts.valid.tolist(),
            verdicts.abstains.tolist(),
            verdicts.order[:, 0].tolist(),
            verdicts.confidence.tolist(),
            verdicts.calibrated.tolist(),
            strict=True,
        )
        for track, is_valid, abstains, top, confidence, shares in rows:
            if not is_valid:
                self._tally.fail(UnexpectedError.reason)
                continue
            genre = None if abstains else manifest.genres[top]
            declared = compare(track.declared_genre, genre=genre, known=manifest.genres)
            opinion = Opinion(
                genre=genre,
                confidence=confidence,
                shares=dict(zip(manifest.genres, shares, strict=True)),
                model=manifest.name,
                version=manifest.version,
                uploaded_at=track.uploaded_at,
                agrees=declared.agrees if declared else None,
            )
            self._tally.judge(track.track_id, opinion)


def _wait(pace: Pace, tracks: int, *, watch: Watch) -> None:
    while not pace.take(tracks):
        watch.check()
        time.sleep(min(pace.wait_seconds(tracks), _LONGEST_WAIT_SECONDS))
