from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.events import DeclaredGenre, TrackUploaded
from consumer.replay.standing import StandingLabels, distance, opinion_of
from tests.consumer.engines import MOMENT, label_for
from tests.consumer.replay.opinions import opinion

UPLOAD = TrackUploaded(event_id="e", track_id="t", audio_uri="file:///t", uploaded_at=MOMENT)


def test_every_label_is_found_again_by_its_track_as_it_was() -> None:
    rng, standing = random.Random(1), StandingLabels()
    known = {
        f"track-{n} \N{SNOWMAN}\ud800": opinion(
            rng.choice((None, "jazz", "rock", "é")),
            rng.uniform(0.1, 1.0),
            version=rng.choice(("1.0.0", "2.0.0")),
            days=rng.randrange(-40_000, 40_000),
            agrees=rng.choice((None, True, False)),
        )
        for n in range(2_000)
    }
    for track_id, said in known.items():
        standing.add(track_id, said)
    assert len(standing) == 2_000
    for track_id, said in known.items():
        found = standing.find(track_id)
        assert found is not None
        assert found.shares == pytest.approx(dict(said.shares), abs=8e-6)
        for name in ("genre", "confidence", "model", "version", "uploaded_at", "agrees"):
            assert getattr(found, name) == getattr(said, name)
    assert standing.find("track-2000") is None


def test_labels_may_be_added_after_a_look() -> None:
    standing = StandingLabels()
    assert standing.find("a") is None
    standing.add("a", opinion("jazz"))
    assert standing.find("b") is None
    standing.add("b", opinion("metal"))
    genres = [found.genre for name in "ab" if (found := standing.find(name))]
    assert genres == ["jazz", "metal"]


def test_a_label_of_ten_genres_takes_seventy_five_bytes() -> None:
    standing = StandingLabels()
    shares = {f"genre-{n}": 0.1 for n in range(10)}
    for n in range(1_000):
        standing.add(f"track-{n}", opinion("genre-3", 0.1, shares=shares))
    assert len(standing._rows) + len(standing._shares) <= 75 * 1_000


def test_an_opinion_is_what_the_label_says() -> None:
    label = label_for(UPLOAD, genre=None, confidence=0.4)
    label = label.model_copy(update={"declared": DeclaredGenre(genre="Jazz", agrees=None)})
    said = opinion_of(label)
    assert (said.genre, said.confidence, said.agrees, said.uploaded_at) == (None, 0.4, None, MOMENT)
    assert said.shares == {"jazz": 0.4, "blues": 0.3, "rock": 0.3}
    agreeing = label.model_copy(update={"declared": DeclaredGenre(genre="Jazz", agrees=True)})
    assert opinion_of(agreeing).agrees is True


_shares = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda found: sum(found) > 0.01)


@given(_shares, _shares)
def test_a_distance_is_symmetric_between_nothing_and_one(one: list[float], other: list[float]) -> None:
    first = {genre: part / sum(one) for genre, part in zip("abc", one, strict=True)}
    second = {genre: part / sum(other) for genre, part in zip("bcd", other, strict=True)}
    assert distance(first, first) == 0.0
    assert distance(first, second) == pytest.approx(distance(second, first), abs=1e-12)
    assert 0.0 <= distance(first, second) <= 1.0


def test_the_distance_is_the_probability_that_has_to_be_moved() -> None:
    assert distance({"a": 1.0}, {"b": 1.0}) == 1.0
    assert distance({"a": 0.7, "b": 0.3}, {"a": 0.2, "b": 0.7, "c": 0.1}) == pytest.approx(0.5, abs=1e-12)
