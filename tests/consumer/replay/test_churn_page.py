from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from consumer.replay.churn import ChurnTally
from consumer.replay.churn_page import genres_of, lines_of, render, write_page
from consumer.replay.churn_report import ChurnReport, Move
from consumer.replay.plan import Terms
from consumer.replay.standing import StandingLabels
from tests.consumer.engines import MOMENT
from tests.consumer.replay.opinions import opinion

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</td></table></main><h1>gone",
    "{{ 7 * 7 }}{% raw %}",
    "uploads/\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "bell\x07 zero\x00 \ud800",
    "&lt;b&gt; &amp;",
)
VOID = {"meta", "br", "img", "link", "input"}


class _Page(HTMLParser):
    """Reads a page as a browser's tokenizer does; says what tags, attributes and words there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _report(names: tuple[str, ...], *, finished: bool = True) -> ChurnReport:
    standing = StandingLabels()
    for number, name in enumerate(names):
        standing.add(name, opinion("jazz" if number % 2 else None))
    tally = ChurnTally(standing)
    for name in names:
        tally.judge(name, opinion(name, version=name))
    tally.judge("no label yet", opinion("rock"))
    tally.fail("not_found")
    terms = Terms(
        source="uploads", model="linear", version="2.0.0", sha256="ab" * 32, since=names[0], until="2h"
    )
    return tally.report(terms, made_at=MOMENT, finished=finished)


def test_what_publishers_wrote_is_text_on_the_page_and_nothing_else() -> None:
    tame = _Page(render(_report(tuple(f"track-{n}" for n in range(len(HOSTILE))))))
    page = _Page(render(_report(HOSTILE)))
    assert page.tags == tame.tags
    assert page.attributes == tame.attributes
    assert not page.tags & {"script", "img", "iframe", "link", "a", "form"}
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}
    text = "".join(page.words)
    for name in HOSTILE[:4]:
        assert name in text
    assert HOSTILE[6] in text
    assert not set(text) & {"\N{RIGHT-TO-LEFT OVERRIDE}", "\x07", "\x00", "\ud800"}
    assert page.open == []


def test_the_page_holds_all_that_it_shows() -> None:
    text = render(_report(("track-1",)))
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text
    assert "default-src 'none'" in text
    assert len(text) < 50_000


def test_a_report_that_was_stopped_says_so_above_its_figures() -> None:
    assert "Stopped before the end" in render(_report(("a",), finished=False))
    assert "Stopped before the end" not in render(_report(("a",)))


def test_a_report_of_nothing_is_a_page_too() -> None:
    tally = ChurnTally(StandingLabels())
    terms = Terms(source="features", model="linear", version="2.0.0", sha256="ab" * 32)
    text = render(tally.report(terms, made_at=MOMENT, finished=True))
    assert "No track was judged" in text
    assert "<svg" not in text


def test_the_matrix_has_a_row_for_what_there_is_now_and_a_column_for_each_genre() -> None:
    matrix = (
        Move(before="rock", after="jazz", tracks=3),
        Move(before="rock", after="rock", tracks=1),
        Move(before=None, after="pop", tracks=2),
    )
    genres = genres_of(matrix)
    assert genres == ["jazz", "pop", "rock", None]
    rock, abstained = lines_of(matrix, genres)
    assert (rock.genre, rock.total, abstained.genre, abstained.total) == ("rock", 4, None, 2)
    assert [cell.tracks for cell in rock.cells] == [3, 0, 1, 0]
    assert [cell.share for cell in rock.cells] == [0.75, 0.0, 0.25, 0.0]
    assert [cell.stays for cell in rock.cells] == [False, False, True, False]
    assert [cell.strength for cell in rock.cells] == pytest.approx([0.75**0.5, 0.0, 0.5, 0.0])


def test_the_figures_of_the_report_are_on_the_page() -> None:
    standing = StandingLabels()
    for n in range(1_500):
        standing.add(f"track-{n}", opinion("jazz" if n else None, 0.5, agrees=bool(n % 2)))
    tally = ChurnTally(standing)
    for n in range(1_500):
        tally.judge(f"track-{n}", opinion("jazz" if n % 3 else "rock", 0.75, agrees=True))
    report = tally.report(
        Terms(source="features", model="linear", version="2.0.0", sha256="ab" * 32),
        made_at=MOMENT,
        finished=True,
    )
    text = "".join(_Page(render(report)).words)
    for said in (
        "33.3 %",
        "500 of 1,500",
        "0.50 → 0.75",
        "+0.250",
        "50.0 % → 100.0 %",
        "1 → 0",
        "\N{MINUS SIGN}499",
    ):
        assert said in text, said


def test_a_page_takes_the_place_of_another_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "churn.html"
    page.write_text("old")
    write_page(page, _report(("a",)))
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [page]
    assert page.stat().st_mode & 0o777 == 0o644
