"""Tests of what people read: names, lines and tables, whatever a file's name or an error's text holds."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from consumer.audio_files import upload
from consumer.cli.tables import Row, label_table, plain_line, printable, short_names
from consumer.events import DeclaredGenre
from tests.consumer.engines import label_for

UPLOAD = upload("file:///a.mp3")


def _drawn(rows: list[Row], *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(label_table(rows))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_names_that_differ_stand_alone_and_others_keep_what_tells_them_apart() -> None:
    assert short_names([Path("/m/one/a.mp3"), Path("/m/two/b.mp3")]) == ["a.mp3", "b.mp3"]
    assert short_names([Path("/m/one/a.mp3"), Path("/m/two/a.mp3")]) == ["one/a.mp3", "two/a.mp3"]
    assert short_names([]) == []


def test_control_characters_never_reach_the_terminal() -> None:
    evil = "a\x1b[2Jb\n.mp3"

    assert printable(evil) == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}.mp3"
    assert "\x1b" not in plain_line(Row(printable(evil), None, "bad: \x1b[2J"))
    assert "\x1b[2J" not in _drawn([Row(printable(evil), None, "bad: \x1b[2J")])


def test_a_table_holds_labels_abstentions_and_failures() -> None:
    drawn = _drawn(
        [
            Row("a.mp3", label_for(UPLOAD), seconds=0.5),
            Row("b.mp3", label_for(UPLOAD, genre=None, confidence=0.3), seconds=1.25),
            Row("[red]c[/red].mp3", None, "not_audio: file is not audio", seconds=0.1),
        ]
    )

    assert "jazz 80%, blues 10%, rock 10%" in drawn
    assert "abstained" in drawn
    assert "1.25" in drawn
    assert "[red]c[/red].mp3" in drawn
    assert "not_audio: file is not audio" in drawn
    assert max(map(len, drawn.splitlines())) <= 100


def test_untimed_rows_have_no_column_of_seconds() -> None:
    assert "seconds" not in _drawn([Row("a.mp3", label_for(UPLOAD))])


def test_warnings_and_a_declared_genre_that_is_wrong_are_told() -> None:
    label = label_for(UPLOAD, warnings=("truncated", "short")).model_copy(
        update={"declared": DeclaredGenre(genre="Polka", agrees=False)}
    )

    assert plain_line(Row("a.mp3", label, seconds=0.5)) == (
        "a.mp3: jazz 80% (jazz 80%, blues 10%, rock 10%) [truncated, short, declared Polka] after 0.50 s"
    )
