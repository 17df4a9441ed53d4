from __future__ import annotations

from pathlib import Path

import pytest

from consumer.cli.dry_run import _write, words_of
from consumer.replay.churn import ChurnTally
from consumer.replay.plan import Terms
from consumer.replay.standing import StandingLabels
from tests.consumer.engines import MOMENT
from tests.consumer.replay.opinions import opinion

TERMS = Terms(source="uploads", model="linear", version="2.0.0", sha256="ab" * 32)


def test_what_matters_most_is_said_in_a_few_lines() -> None:
    standing = StandingLabels()
    for n in range(8):
        standing.add(f"{n}", opinion("jazz" if n else None, 0.5, agrees=n > 3))
    tally = ChurnTally(standing)
    for n in range(10):
        tally.judge(f"{n}", opinion("jazz" if n > 2 else "a\x1b[31m", 0.75, agrees=True))
    tally.fail("not_found")
    tally.leave_out("superseded", 1_200)
    assert words_of(tally.report(TERMS, made_at=MOMENT, finished=False)) == [
        "stopped before the end: this is about what was judged until then",
        "3 of 8 labels would change (37.5%)",
        "  jazz -> a\N{REPLACEMENT CHARACTER}[31m: 2",
        "  (abstained) -> a\N{REPLACEMENT CHARACTER}[31m: 1",
        "confidence: mean 0.500 -> 0.750",
        "agree with the declared genre: 4 -> 8 of 8",
        "abstentions: 1 -> 0",
        "without a label yet: 2; newer label stays: 0",
        "failed: 1 not_found",
        "left out: 1,200 superseded",
    ]


def test_of_nothing_nothing_is_claimed() -> None:
    lines = words_of(ChurnTally(StandingLabels()).report(TERMS, made_at=MOMENT, finished=True))
    assert lines[0] == "0 of 0 labels would change"


def test_a_page_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = ChurnTally(StandingLabels()).report(TERMS, made_at=MOMENT, finished=True)
    assert not _write(tmp_path / "gone" / "page.html", report)
    (line,) = capsys.readouterr().err.splitlines()
    assert "could not be written: No such file or directory" in line
    assert _write(tmp_path / "page.html", report)
