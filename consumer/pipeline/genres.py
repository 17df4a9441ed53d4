"""Turns the genre that a publisher declared into agreement, disagreement or ignorance about a label.

A declaration is compared and reported, never trusted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from consumer.events import DeclaredGenre

_ALIASES: Final = {
    "bluegrass": "country",
    "bossanova": "jazz",
    "classic": "classical",
    "classicalmusic": "classical",
    "countryandwestern": "country",
    "countrywestern": "country",
    "deathmetal": "metal",
    "deltablues": "blues",
    "hardrock": "rock",
    "heavymetal": "metal",
    "hiphoprap": "hiphop",
    "indierock": "rock",
    "jazzmusic": "jazz",
    "klassik": "classical",
    "opera": "classical",
    "popmusic": "pop",
    "punkrock": "rock",
    "randb": "rnb",
    "rap": "hiphop",
    "rhythmandblues": "rnb",
    "rockandroll": "rock",
    "rocknroll": "rock",
    "swing": "jazz",
    "symphonic": "classical",
    "thrashmetal": "metal",
    "trap": "hiphop",
}
"""Other names of a genre, and a few styles that belong to one beyond dispute, both normalised."""

_SEPARATORS: Final = re.compile(r"[/;,|]")


def normalise(name: str) -> str:
    """Give the one spelling of a genre's name: "Hip-Hop", "hip hop" and "Rap" all become "hiphop"."""
    letters = unicodedata.normalize("NFKD", name.casefold()).replace("&", " and ")
    letters = re.sub(r"\s+'?n'?\s+", " and ", letters)
    word = "".join(letter for letter in letters if letter.isalnum())
    return _ALIASES.get(word, word)


def compare(declared: str | None, *, genre: str | None, known: Sequence[str]) -> DeclaredGenre | None:
    """Compare a declared genre with a label.

    Parameters
    ----------
    declared : str or None
        What the publisher wrote: one genre, or several as "Rock/Pop", of which any may be right.
    genre : str or None
        The label; null where the model abstained.
    known : sequence of str
        The genres that the model can give.

    Returns
    -------
    DeclaredGenre or None
        `agrees` is null where the model abstained or knows none of the declared genres; the whole is null
        where nothing was declared.
    """
    if declared is None or not declared.strip():
        return None
    spellings = {normalise(name) for name in (declared, *_SEPARATORS.split(declared))}
    comparable = genre is not None and spellings & {normalise(name) for name in known}
    return DeclaredGenre(
        genre=declared,
        agrees=normalise(genre) in spellings if comparable and genre is not None else None,
    )
