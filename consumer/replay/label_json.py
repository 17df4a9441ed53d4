"""Turns verdicts of tracks from the feature log into the JSON of their labels, byte for byte the models' own.

`TrackLabelled` builds and checks thirty small models a label; a catalogue has 20 million labels. What is
written here is what `label_of(...).encode()` gives for the same track, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import add
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from consumer.events import SCHEMA_VERSION, ModelStamp, Status, result_id
from consumer.feature_reading import LoggedTrack
from consumer.pipeline.genres import compare
from modelzoo.aggregate import LOW_CONFIDENCE
from modelzoo.manifest import Manifest

_NO_FRACTION: Final = ".000000"
_DECLARED_KEPT: Final = 65_536
"""Publishers' own words for genres are few; a hostile catalogue must not fill the memory with them."""


class Said(NamedTuple):
    """What is said about a track, its numbers in JSON: when it was uploaded, and what the model found.

    Attributes
    ----------
    uploaded_at : str
        As `spell_moments` gives it.
    order : list of int
        The genres' indices, most probable first.
    probabilities : list of str
        Calibrated, in that order.
    abstains : bool
        Whether the confidence, the first of them, is below the threshold.
    agreement : str
        Share of the windows whose own top genre is the track's.
    window_tops : list of int
        Each window's top genre (index).
    window_maxima : list of str
        And its probability.
    """

    uploaded_at: str
    order: list[int]
    probabilities: list[str]
    abstains: bool
    agreement: str
    window_tops: list[int]
    window_maxima: list[str]


def spell_numbers(numbers: NDArray[np.float64] | NDArray[np.float32]) -> list[str]:
    """Give the JSON of each number of an array, in its flat order: the shortest digits that name it.

    One call for all of a batch takes a tenth of `repr` for each; a float32 is spelt as the float64 it equals.
    """
    if not numbers.size:
        return []
    return to_json(numbers.ravel().tolist()).decode()[1:-1].split(",")


def spell_moments(microseconds: Sequence[int]) -> list[str]:
    """Give moments, microseconds since 1970 in UTC, as labels spell them: no fraction where it is zero."""
    moments = np.array(microseconds, "datetime64[us]")
    return [f"{text.removesuffix(_NO_FRACTION)}Z" for text in np.datetime_as_string(moments).tolist()]


class Spell(NamedTuple):
    """When a batch of tracks was read and labelled, in UTC, and the seconds that it was scored for."""

    started_at: datetime
    labelled_at: datetime
    score_seconds: float


class LabelWriter:
    """Writes labels of one model in one replay; one thread.

    Parameters
    ----------
    manifest : Manifest
        Describes the model.
    replay_id : str or None
        Names the replay.
    """

    def __init__(self, manifest: Manifest, *, replay_id: str | None) -> None:
        self._manifest = manifest
        self._replay_id = replay_id
        self._genres = [_text(genre) for genre in manifest.genres]
        self._entries = [f'{{"genre":{genre},"probability":' for genre in self._genres]
        stamp = ModelStamp(name=manifest.name, version=manifest.version, features=manifest.feature_set)
        self._model = stamp.model_dump_json()
        self._replay = "null" if replay_id is None else _text(replay_id)
        self._openings = [_opening(f'"{Status.LABELLED.value}"', "null", genre) for genre in self._genres]
        self._abstaining = _opening(f'"{Status.ABSTAINED.value}"', f'"{LOW_CONFIDENCE}"', "null")
        self._spell: Spell | None = None
        self._spelt = ""
        self._declared = lru_cache(_DECLARED_KEPT)(self._compare)

    def write(self, track: LoggedTrack, said: Said, *, spell: Spell, timeline: bool = True) -> bytes:
        """Give the label's UTF-8 JSON, with each window's top genre where `timeline` says so."""
        top = said.order[0]
        genres = self._shares(said.order, said.probabilities)
        opening = self._abstaining if said.abstains else self._openings[top]
        if spell is not self._spell:  # one for all of a batch
            self._spell, self._spelt = spell, _timing(spell)
        identity = result_id(
            event_id=track.event_id, model_sha256=self._manifest.sha256, replay_id=self._replay_id
        )
        declared = "null"
        if track.declared_genre is not None:
            declared = self._declared(track.declared_genre, -1 if said.abstains else top)
        return (
            f'{{"schema_version":{SCHEMA_VERSION},"result_id":"{identity}","event_id":{_text(track.event_id)},'
            f'"track_id":{_text(track.track_id)},{opening}{said.probabilities[0]},"genres":{genres},'
            f'"windows":{self._windows(track, said, timeline=timeline)},"audio":{_audio(track)},'
            f'"declared":{declared},"model":{self._model},'
            f'"timing":{{"uploaded_at":"{said.uploaded_at}",{self._spelt}}},'
            f'"replay_id":{self._replay}}}'
        ).encode()

    def _windows(self, track: LoggedTrack, said: Said, *, timeline: bool) -> str:
        tops = starts = "null"
        if timeline:
            tops = self._shares(said.window_tops, said.window_maxima)
            if track.starts_seconds is not None:
                starts = f"[{','.join(map(_number, track.starts_seconds))}]"
        return (
            f'{{"count":{len(said.window_tops)},"agreement":{said.agreement},"timeline":{tops},'
            f'"starts_seconds":{starts},"policy":{_text(track.policy)},'
            f'"stopped_early":{"true" if track.stopped_early else "false"}}}'
        )

    def _shares(self, genres: list[int], probabilities: list[str]) -> str:
        pairs = map(add, map(self._entries.__getitem__, genres), probabilities)
        return f"[{'},'.join(pairs)}}}]"

    def _compare(self, declared: str, top: int) -> str:
        genre = None if top < 0 else self._manifest.genres[top]
        found = compare(declared, genre=genre, known=self._manifest.genres)
        return "null" if found is None else found.model_dump_json()


def _audio(track: LoggedTrack) -> str:
    warnings = ",".join([_text(warning) for warning in track.warnings])
    return (
        f'{{"duration_seconds":{_number(track.duration_seconds)},"codec":{_text(track.codec)},'
        f'"sample_rate":{track.sample_rate},"warnings":[{warnings}]}}'
    )


def _opening(status: str, why: str, genre: str) -> str:
    return f'"status":{status},"abstain_reason":{why},"genre":{genre},"confidence":'


def _timing(spell: Spell) -> str:
    seconds = (spell.labelled_at - spell.started_at).total_seconds()
    wait_seconds = max(seconds - spell.score_seconds, 0.0)
    return (
        f'"started_at":"{_moment(spell.started_at)}","labelled_at":"{_moment(spell.labelled_at)}",'
        f'"fetch_seconds":0.0,"decode_seconds":0.0,"featurize_seconds":0.0,'
        f'"score_seconds":{_number(spell.score_seconds)},"wait_seconds":{_number(wait_seconds)}'
    )


def _moment(moment: datetime) -> str:
    return f"{moment.isoformat()[:-6]}Z"  # without its +00:00


def _number(value: float) -> str:
    return to_json(value).decode()


def _text(value: str) -> str:
    return str(encode_basestring(value))
