"""The `dlq` commands refuse what makes no sense, and show hostile letters without obeying them."""

from __future__ import annotations

import json

import pytest

from consumer.cli.app import run
from consumer.cli.dlq_words import detail, show_letter
from consumer.dead_letters.letter import Letter, read_letter
from consumer.errors import AudioNotFoundError
from consumer.jobs import InputRecord, TopicPartition
from consumer.loop.adapters import Reader
from consumer.loop.provenance import dead_letter_headers, provenance_of_upload
from consumer.topic_settings import TopicSettings

ESCAPE = "\x1b[2J"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["redrive"], "--all"),
        (["redrive", "--all", "--to", "elsewhere"], "topics.uploads"),
        (["redrive", "12"], "PARTITION/OFFSET"),
        (["show", "x/y"], "PARTITION/OFFSET"),
        (["show", "0/1", "--raw", "--json"], "--raw"),
        (["list", "--since", "yesterday"], "--since"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dlq", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def _hostile() -> Letter:
    original = InputRecord(
        TopicPartition("track-uploads", 2),
        41,
        ESCAPE.encode(),
        '{"a": "\\u001b[2J", "C1": "\x9b2J", "city": "M\u00fcnchen"}'.encode(),
        (
            ("traceparent", b"00-1"),
            (f"h{ESCAPE}", f"v{ESCAPE}".encode()),
            ("bytes", b"\xff\x00"),
            ("n", None),
        ),
    )
    headers = dead_letter_headers(provenance_of_upload(original), AudioNotFoundError(ESCAPE), now=1.8e9)
    record = InputRecord(TopicPartition("dlq", 0), 7, original.key, original.value, headers)
    return read_letter(record, reader=Reader(TopicSettings()))


def test_a_letter_is_shown_whole_and_a_terminal_obeys_nothing_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_letter(_hostile())
    out = capsys.readouterr().out
    assert not {"\x1b", "\x9b"} & set(out)
    assert "M\u00fcnchen" in out
    for said in ("traceparent: 00-1", r"b'\xff\x00'", "n: (null)", "reason: not_found", "track-uploads/2/41"):
        assert said in out


def test_a_letter_in_json_holds_every_byte() -> None:
    told = json.loads(json.dumps(detail(_hostile())))
    assert told["headers"][:4] == [
        ["traceparent", "00-1"],
        [f"h{ESCAPE}", f"v{ESCAPE}"],
        ["bytes", {"base64": "/wA="}],
        ["n", None],
    ]
    assert json.loads(told["value"])["C1"] == "\x9b2J"
