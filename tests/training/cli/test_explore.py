"""The command shows what is planted in a table, on a page that needs nothing, or refuses it in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.paths import DATA
from tests.training.explore.tables import GENRES, NAMES, copy_window, frame, write
from tests.training.report.pages import Page, assert_it_needs_nothing
from training.cli import app
from training.explore.findings import Exploration

HOSTILE = ("<script>alert(1)</script>", '$\\frac{x}$ & "quoted"', "</svg></table><h1>gone")


def explore(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["explore", *(str(one) for one in arguments)])


@pytest.mark.slow
def test_planted_copies_constants_and_correlations_are_on_the_page_and_in_the_json(tmp_path: Path) -> None:
    table = frame()
    copy_window(table, source=0, to=20)  # blues track 0, jazz track 0
    table["rms_var"] = 3.0
    table["mfcc3_mean"] = 2.0 * table["tempo"] + 1.0
    extra = frame(seed=1, genres=(*GENRES, "soul"), first_track=100)
    extra["tempo"] += 30.0
    result = explore(
        write(table, tmp_path / "own.csv"), "--extra-features", write(extra, tmp_path / "extra.csv"),
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = Exploration.model_validate_json(result.stdout)
    assert found.repeats.examples[0].tracks == ("blues.00000", "jazz.00000")
    assert found.near_copies[0].distance == 0.0
    assert [one.feature for one in found.features if one.constant] == ["rms_var"]
    assert {found.correlated[0].first, found.correlated[0].second} == {"tempo", "mfcc3_mean"}
    assert found.extra is not None
    assert max(found.extra.shifts, key=lambda one: abs(one.overall)).feature == "tempo"
    text = (tmp_path / "out/explore.html").read_text()
    page = Page(text)
    assert_it_needs_nothing(page, text)
    for words in ("Windows with two labels.", "Constant features.", "rms_var: they tell nothing apart"):
        assert words in page.text
    assert "The source report's column is empty" in page.text
    assert all(name in page.text for name in NAMES)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["explore.html"]


@pytest.mark.slow
def test_the_same_table_gives_the_same_page_and_a_reference_fills_its_columns(tmp_path: Path) -> None:
    own = write(frame(), tmp_path / "own.csv")
    reference = tmp_path / "reference.csv"
    reference.write_text("feature,mean,std\ntempo,119.375,28.125\n")
    pages = []
    for name in ("a.html", "b.html"):
        result = explore(own, "--reference", reference, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
        assert result.stdout.strip() == str(tmp_path / name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert b"28.1" in pages[0]
    assert b"is empty" not in pages[0]


@pytest.mark.slow
def test_names_in_a_table_are_text_on_the_page_and_nothing_else(tmp_path: Path) -> None:
    tame = explore(write(frame(), tmp_path / "tame.csv"), "--out", tmp_path / "tame.html")
    result = explore(write(frame(genres=HOSTILE), tmp_path / "<b>.csv"), "--out", tmp_path / "page.html")
    assert (tame.exit_code, result.exit_code) == (0, 0), result.output
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    assert_it_needs_nothing(page, text)
    assert page.tags <= Page((tmp_path / "tame.html").read_text()).tags | {"bdi"}
    for name in HOSTILE:
        assert name[:10] in page.text


def test_bad_tables_are_one_line_and_leave_nothing_behind(tmp_path: Path) -> None:
    spoilt = frame()
    spoilt.loc[4, "tempo"] = np.nan
    bad = {
        "missing.csv": (frame().drop(columns=["tempo"]), "missing=tempo"),
        "nan.csv": (spoilt, "row=6 column=tempo"),
        "empty.csv": (frame().iloc[:0], "no rows"),
    }
    for name, (table, said) in bad.items():
        result = explore(write(table, tmp_path / name), "--out", tmp_path / "out")
        assert result.exit_code == 1
        errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
        assert len(errors) == 1
        assert said in errors[0]
        assert "Traceback" not in result.output
    assert "not there" in explore(tmp_path / "none.csv", "--out", tmp_path / "out").stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = explore(write(frame(), tmp_path / "own.csv"), "--out", tmp_path / "file" / "page.html")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "features").is_dir(), reason=f"no tables at {DATA}: set GENRESTREAM_DATA")
def test_the_published_table_shows_its_known_copies(tmp_path: Path) -> None:
    result = explore(DATA / "features/gtzan_3s.csv.gz", "--out", tmp_path / "page.html", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["windows"], found["tracks"], len(found["genres"])) == (8_584, 1_000, 10)
    pairs = {(one["first"], one["second"]) for one in found["near_copies"]}
    assert ("disco.00098", "disco.00099") in pairs
    assert ("metal.00058", "rock.00016") in pairs
