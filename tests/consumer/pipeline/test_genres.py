"""A declared genre is compared by its meaning, not its spelling."""

from __future__ import annotations

import pytest

from consumer.pipeline.genres import compare, normalise

KNOWN = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


@pytest.mark.parametrize(
    "spelling",
    ["hiphop", "Hip-Hop", "hip hop", "HIP_HOP", "Rap", "Hip-Hop/Rap", "hip\u2013hop", "  Hip Hop  "],
)
def test_spellings_and_aliases_of_a_genre_agree_with_it(spelling: str) -> None:
    declared = compare(spelling, genre="hiphop", known=KNOWN)
    assert declared is not None
    assert declared.agrees is True
    assert declared.genre == spelling


@pytest.mark.parametrize("spelling", ["R&B", "r & b", "RnB", "R'n'B", "R and B", "rhythm and blues"])
def test_rhythm_and_blues_is_one_genre_and_not_blues(spelling: str) -> None:
    assert normalise(spelling) == "rnb"
    declared = compare(spelling, genre="blues", known=KNOWN)
    assert declared is not None
    assert declared.agrees is None


@pytest.mark.parametrize(
    ("spelling", "genre", "agrees"),
    [
        ("Rock 'n' Roll", "rock", True),
        ("rock & roll", "rock", True),
        ("Heavy Metal", "metal", True),
        ("Heavy Metal", "rock", False),
        ("Country & Western", "country", True),
        ("Classique", "classical", None),
        ("Schlager", "pop", None),
        ("Pop; Rock", "rock", True),
        ("Pop, Disco", "rock", False),
        ("Schlager / Pop", "rock", False),
        ("Réggae", "reggae", True),
        ("🎸", "rock", None),
    ],
)
def test_agreement_is_null_only_where_the_model_knows_none_of_the_names(
    spelling: str, genre: str, agrees: bool | None
) -> None:
    declared = compare(spelling, genre=genre, known=KNOWN)
    assert declared is not None
    assert declared.agrees is agrees


def test_an_abstention_neither_agrees_nor_disagrees() -> None:
    declared = compare("rock", genre=None, known=KNOWN)
    assert declared is not None
    assert declared.agrees is None


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_nothing_declared_is_nothing_reported(nothing: str | None) -> None:
    assert compare(nothing, genre="rock", known=KNOWN) is None


def test_every_genre_of_a_model_agrees_with_itself() -> None:
    for genre in KNOWN:
        declared = compare(genre, genre=genre, known=KNOWN)
        assert declared is not None
        assert declared.agrees is True
