from __future__ import annotations

import random
import statistics
from collections import Counter

import pytest

from consumer.replay.churn import ChurnTally
from consumer.replay.churn_report import ChurnReport
from consumer.replay.plan import Terms
from consumer.replay.standing import Opinion, StandingLabels, distance
from tests.consumer.engines import MOMENT
from tests.consumer.replay.opinions import opinion

TERMS = Terms(source="features", model="linear", version="2.0.0", sha256="ab" * 32)


def report_of(tally: ChurnTally) -> ChurnReport:
    return tally.report(TERMS, made_at=MOMENT, finished=True)


def _random_opinion(rng: random.Random, *, version: str = "1.0.0") -> Opinion:
    weights = {genre: rng.random() ** 3 + 1e-6 for genre in ("blues", "jazz", "rock", "pop")}
    shares = {genre: weight / sum(weights.values()) for genre, weight in weights.items()}
    top = max(shares, key=lambda genre: shares[genre])
    agrees = rng.choice((None, True, False))
    return opinion(
        None if shares[top] < 0.5 else top, shares[top], shares=shares, agrees=agrees, version=version
    )


def test_the_report_is_what_counting_by_hand_gives() -> None:
    rng, standing = random.Random(5), StandingLabels()
    pairs = {
        f"track-{n}": (_random_opinion(rng), _random_opinion(rng, version="2.0.0")) for n in range(3_000)
    }
    for track_id, (before, _) in pairs.items():
        standing.add(track_id, before)
    tally = ChurnTally(standing, most_changed=20)
    for track_id, (_, after) in pairs.items():
        tally.judge(track_id, after)
    report = report_of(tally)

    changed = {name: pair for name, pair in pairs.items() if pair[0].genre != pair[1].genre}
    assert report.counts.compared == report.counts.judged == 3_000
    assert report.counts.changed == len(changed)
    assert report.share_changed == len(changed) / 3_000
    moves = Counter((before.genre, after.genre) for before, after in pairs.values())
    assert {(move.before, move.after): move.tracks for move in report.matrix} == moves
    assert [move.tracks for move in report.matrix] == sorted(moves.values(), reverse=True)
    assert report.abstentions.begun == sum(a.genre is None and b.genre is not None for b, a in pairs.values())
    assert report.abstentions.before - report.abstentions.ended + report.abstentions.begun == (
        report.abstentions.after
    )
    told = [(b.agrees, a.agrees) for b, a in pairs.values() if None not in (b.agrees, a.agrees)]
    assert report.declared.model_dump() == {
        "tracks": len(told),
        "agreed_before": sum(bool(before) for before, _ in told),
        "agree_after": sum(bool(after) for _, after in told),
    }
    most = sorted(changed, key=lambda name: -distance(changed[name][0].shares, changed[name][1].shares))
    least = report.most_changed[-1].distance
    assert len(report.most_changed) == 20
    for track, expected in zip(report.most_changed, most, strict=False):
        before, after = changed[expected]
        assert track.distance == pytest.approx(distance(before.shares, after.shares), abs=5e-5)
        assert (track.before.genre, track.after.genre) == tuple(
            said.genre for said in changed[track.track_id]
        )
    assert least >= distance(changed[most[20]][0].shares, changed[most[20]][1].shares) - 5e-5


def test_confidence_is_spread_as_the_statistics_module_says() -> None:
    rng, standing = random.Random(6), StandingLabels()
    pairs = [(_random_opinion(rng), _random_opinion(rng)) for _ in range(501)]
    for n, (before, _) in enumerate(pairs):
        standing.add(f"{n}", before)
    tally = ChurnTally(standing)
    for n, (_, after) in enumerate(pairs):
        tally.judge(f"{n}", after)
    confidence = report_of(tally).confidence
    assert confidence is not None
    shifts = [after.confidence - before.confidence for before, after in pairs]
    for spread, numbers in (
        (confidence.before, [before.confidence for before, _ in pairs]),
        (confidence.after, [after.confidence for _, after in pairs]),
        (confidence.shift, shifts),
    ):
        twentieths = statistics.quantiles(numbers, n=20, method="inclusive")
        expected = [twentieths[n] for n in (0, 4, 9, 14, 18)]
        found = [spread.p05, spread.p25, spread.median, spread.p75, spread.p95]
        assert found == pytest.approx(expected, abs=1e-12)
        assert spread.mean == pytest.approx(statistics.fmean(numbers), abs=1e-12)
        width = (spread.high - spread.low) / len(spread.histogram)
        for n, tracks in enumerate(spread.histogram):
            low = spread.low + n * width
            assert tracks == sum(low <= number < low + width for number in numbers)


def test_what_cannot_be_compared_is_counted_apart() -> None:
    standing = StandingLabels()
    standing.add("of a newer upload", opinion("jazz", days=3))
    standing.add("of this upload", opinion("jazz", days=2))
    tally = ChurnTally(standing)
    for track_id in ("of a newer upload", "of this upload", "new", "new and unsure"):
        tally.judge(track_id, opinion(None if "unsure" in track_id else "rock", days=2))
    tally.fail("not_found")
    tally.leave_out("superseded", 5)
    tally.leave_out("tombstone", 0)
    report = report_of(tally)
    assert report.counts.model_dump() == {
        "judged": 4,
        "compared": 1,
        "changed": 1,
        "without_label": 2,
        "newer_elsewhere": 1,
        "failed": 1,
        "current_labels": 2,
    }
    assert [track.track_id for track in report.most_changed] == ["of this upload"]
    assert {(one.genre, one.tracks) for one in report.without_label} == {("rock", 1), (None, 1)}
    assert [(one.reason, one.count) for one in report.failures] == [("not_found", 1)]
    assert [(one.reason, one.count) for one in report.left_out] == [("superseded", 5)]


def test_tracks_that_keep_their_genre_are_not_among_those_that_change_most() -> None:
    standing = StandingLabels()
    standing.add("surer", opinion("jazz", 0.4))
    standing.add("other", opinion("jazz", 0.9))
    tally = ChurnTally(standing)
    tally.judge("surer", opinion("jazz", 1.0))
    tally.judge("other", opinion("rock", 0.9))
    assert [track.track_id for track in report_of(tally).most_changed] == ["other"]


def test_a_report_is_the_same_after_it_was_json() -> None:
    standing = StandingLabels()
    standing.add("a", opinion(None, 0.3))
    tally = ChurnTally(standing)
    tally.judge("a", opinion("jazz"))
    report = report_of(tally)
    assert ChurnReport.model_validate_json(report.model_dump_json()) == report


def test_nothing_is_divided_by_nothing() -> None:
    report = report_of(ChurnTally(StandingLabels()))
    assert (report.share_changed, report.confidence) == (None, None)
