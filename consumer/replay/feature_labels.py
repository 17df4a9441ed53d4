"""Turns records of the feature log into outcomes: a new label each, a dead letter, or nothing but a count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumer.clock import Clock
from consumer.config import Settings
from consumer.errors import EventError, OtherFeaturesError, ResultTooLargeError, UnexpectedError
from consumer.events import TrackLabelled
from consumer.feature_reading import FeatureReader, LoggedTrack, invalid_record
from consumer.feature_record import TrackFeatures
from consumer.jobs import InputRecord, OutputRecord, TopicPartition
from consumer.loop.outcomes import Case, Ending, Outcome, Settler
from consumer.loop.provenance import Origin, Provenance, provenance_of_upload
from consumer.pipeline.scoring import ScorerPort
from consumer.replay.label_json import LabelWriter, Said, Spell, spell_moments, spell_numbers
from featurizer.spec import FeatureSpec
from modelzoo.aggregate import LOW_CONFIDENCE
from modelzoo.verdicts import Verdicts, decide_many

_WINDOWS_AT_ONCE: Final = 512
"""Of one call of the model: its layers stay in the cache. 128 and 8,192 took 1.2 times the CPU time."""

_UNTOLD: Final = Provenance(
    Origin(TopicPartition("", 0), 0, key=None, timestamp_ms=0),
    attempt=1,
    not_before=0.0,
    first_failed_at=None,
    carried=(),
)
"""Of a label: made out only where the broker refuses it. Labels are millions, and refusals hardly happen."""

Found = tuple[InputRecord, LoggedTrack]
Windows = NDArray[np.float32]


class LabelledBatch(NamedTuple):
    """What became of a batch of records.

    Attributes
    ----------
    outcomes : list of Outcome
        Labels and dead letters.
    counts : Counter of str
        Records by what became of them: `labelled`, `abstained`, `dead_lettered`, `tombstone`,
        `other_features`.
    """

    outcomes: list[Outcome]
    counts: Counter[str]


def score_tracks(tracks: Sequence[TrackFeatures], scorer: ScorerPort) -> tuple[Windows, Verdicts]:
    """Score all windows of some tracks together and decide each track.

    Returns
    -------
    probabilities : ndarray, shape (n, n_genres), float32, in [0, 1]
        One row a window, track by track.
    Verdicts
        One a track.

    Raises
    ------
    ModelError
        The model itself is at fault.
    """
    features = np.concatenate([track.features for track in tracks])
    return _score(features, [len(track.features) for track in tracks], scorer)


def _score(features: Windows, lengths: Sequence[int], scorer: ScorerPort) -> tuple[Windows, Verdicts]:
    # What a model makes of absurd features is looked at in `decide_many`.
    probabilities = np.concatenate(
        [scorer(features[at : at + _WINDOWS_AT_ONCE]) for at in range(0, len(features), _WINDOWS_AT_ONCE)]
    )
    return probabilities, decide_many(probabilities, lengths, scorer.manifest)


class FeatureLabeller:
    """Labels batches of the feature log; one thread.

    Parameters
    ----------
    scorer : ScorerPort
        The model.
    settings : Settings
        Topics, limits, and whether labels carry a timeline.
    spec : FeatureSpec
        The features that the model takes.
    replay_id : str
        Names the replay.
    clock : Clock
        Time.
    """

    def __init__(
        self, scorer: ScorerPort, *, settings: Settings, spec: FeatureSpec, replay_id: str, clock: Clock
    ) -> None:
        self._scorer = scorer
        self._topics = settings.topics
        self._timeline = settings.model.timeline
        self._reader = FeatureReader(spec)
        self._writer = LabelWriter(scorer.manifest, replay_id=replay_id)
        self._settler = Settler(settings, clock=clock.monotonic, wall_clock=clock.wall)
        self._replay_id = replay_id
        self._clock = clock

    def label(self, records: Sequence[InputRecord]) -> LabelledBatch:
        """Label what holds the model's features; a record whose track is gone, or of others, has no outcome.

        Raises
        ------
        ModelError
            The model itself is at fault.
        """
        started_at, started = self._now(), self._clock.monotonic()
        outcomes: list[Outcome] = []
        counts: Counter[str] = Counter()
        found: list[Found] = []
        for record in records:
            try:
                if record.value is None:
                    counts["tombstone"] += 1
                else:
                    found.append((record, self._reader.read(record.value)))
            except OtherFeaturesError as exc:
                counts[exc.reason] += 1
            except EventError as exc:
                outcomes.append(self._dead_letter(record, exc))
        found, features = self._without_nonsense(found, outcomes)
        if found:
            lengths = [track.n_windows for _, track in found]
            probabilities, verdicts = _score(features, lengths, self._scorer)
            spell = Spell(started_at, self._now(), self._clock.monotonic() - started)
            outcomes += self._write(found, probabilities, verdicts, spell)
        counts.update(outcome.ending.value for outcome in outcomes)
        return LabelledBatch(outcomes, counts)

    def shrink(self, outcome: Outcome) -> Outcome:
        """Give a smaller outcome in the place of one that the broker refused as too large."""
        if outcome.case.provenance is _UNTOLD and outcome.output is not None:
            label = TrackLabelled.model_validate_json(outcome.output.value or b"")
            outcome = replace(outcome, label=label, case=self._case_of(outcome.case.record))
        return self._settler.shrink(outcome)

    def _without_nonsense(self, found: list[Found], outcomes: list[Outcome]) -> tuple[list[Found], Windows]:
        """Give the tracks whose features are all finite, and these; the others become dead letters."""
        values = b"".join([track.matrix for _, track in found])
        features = np.frombuffer(values, "<f4").reshape(-1, self._reader.width)
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            lengths = [track.n_windows for _, track in found]
            starts = np.cumsum(lengths, dtype=np.int64) - lengths
            good = np.logical_and.reduceat(finite, starts)
            features = features[np.repeat(good, lengths)]
            error = invalid_record("a feature is NaN or infinite")
            outcomes += [self._dead_letter(found[place][0], error) for place in np.flatnonzero(~good)]
            found = [found[place] for place in np.flatnonzero(good)]
        return found, features.astype(np.float32, copy=False)

    def _write(
        self, found: Sequence[Found], probabilities: Windows, verdicts: Verdicts, spell: Spell
    ) -> Iterator[Outcome]:
        valid, said_of = verdicts.valid.tolist(), _said(probabilities, verdicts, found)
        for (record, track), is_valid, said in zip(found, valid, said_of, strict=True):
            if not is_valid:
                error = UnexpectedError("the model gave no probabilities for these features")
                yield self._dead_letter(record, error)
            else:
                yield self._label(record, track, said, spell)

    def _label(self, record: InputRecord, track: LoggedTrack, said: Said, spell: Spell) -> Outcome:
        ending = Ending.ABSTAINED if said.abstains else Ending.LABELLED
        for timeline in (True, False) if self._timeline else (False,):
            output = OutputRecord(
                self._topics.labels,
                key=track.track_id.encode(),
                value=self._writer.write(track, said, spell=spell, timeline=timeline),
                headers=record.headers,
            )
            if output.size_bytes <= self._topics.max_message_bytes:
                why = LOW_CONFIDENCE if said.abstains else ""
                return Outcome(ending, why, Case(record, _UNTOLD, None), output, settled_at=0.0)
        return self._dead_letter(record, ResultTooLargeError("the label is too large without its timeline"))

    def _dead_letter(self, record: InputRecord, error: Exception) -> Outcome:
        return self._settler.settle(self._case_of(record), error)

    def _case_of(self, record: InputRecord) -> Case:
        return Case(record, replace(provenance_of_upload(record), replay_id=self._replay_id), None)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), tz=UTC)


def _said(probabilities: Windows, verdicts: Verdicts, found: Sequence[Found]) -> Iterator[Said]:
    orders, abstains = verdicts.order.tolist(), verdicts.abstains.tolist()
    ordered = spell_numbers(np.take_along_axis(verdicts.calibrated, verdicts.order, axis=1))
    agreements = spell_numbers(verdicts.agreement)
    tops, maxima = verdicts.window_tops.tolist(), spell_numbers(probabilities.max(axis=1))
    moments = spell_moments([track.uploaded_at for _, track in found])
    n_genres = verdicts.order.shape[1]
    at = 0
    for index, (_, track) in enumerate(found):
        end = at + track.n_windows
        yield Said(
            moments[index],
            orders[index],
            ordered[index * n_genres : (index + 1) * n_genres],
            abstains[index],
            agreements[index],
            tops[at:end],
            maxima[at:end],
        )
        at = end
