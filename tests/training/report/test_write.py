"""A report's files appear whole or not at all, and its JSON gives the same figures back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.report.made_up import audio_report, image_report, tabular_report
from training.errors import OutputError
from training.report import write_report
from training.report.figures import Report
from training.report.write import write_whole


def test_report_json_gives_the_same_figures_back(tmp_path: Path) -> None:
    report = audio_report()
    paths = write_report(report, tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["report.json", "report.md", "report.html"]
    assert Report.model_validate_json(paths[0].read_text()) == report
    assert sorted(path.name for path in paths[0].parent.iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]


@pytest.mark.parametrize("report", [tabular_report(), image_report()])
def test_figures_survive_json(report: Report) -> None:
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_where_one_file_cannot_be_written_none_is_changed(tmp_path: Path) -> None:
    (tmp_path / "b.md").mkdir()
    (tmp_path / "a.json").write_text("old")
    with pytest.raises(OutputError, match=r"path=.*b\.md"):
        write_whole({tmp_path / "a.json": "new", tmp_path / "b.md": "new"})
    assert (tmp_path / "a.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.md"]


def test_a_place_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole({tmp_path / "file" / "report.json": ""})
