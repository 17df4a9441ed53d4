"""Tests of logging: one line an event, on standard error, as JSON or for people."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from consumer.config import LogSettings
from consumer.logs import configure_logs


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_a_pipe_gets_one_json_object_a_line_with_every_field() -> None:
    out = io.StringIO()
    configure_logs(LogSettings(), stream=out)

    structlog.get_logger().info("track labelled", track_id="t1", partition=3, offset=17)

    line = json.loads(out.getvalue())
    assert line["event"] == "track labelled"
    assert (line["track_id"], line["partition"], line["offset"]) == ("t1", 3, 17)
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_records_of_the_standard_library_take_the_same_form() -> None:
    out = io.StringIO()
    configure_logs(LogSettings(), stream=out)

    logging.getLogger("a.library").warning("low on %s", "memory")

    line = json.loads(out.getvalue())
    assert (line["event"], line["level"]) == ("low on memory", "warning")


def test_a_traceback_stays_within_its_json_line() -> None:
    out = io.StringIO()
    configure_logs(LogSettings(), stream=out)

    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger().error("a stage failed", exc_info=True)

    assert out.getvalue().count("\n") == 1
    assert "boom" in json.dumps(json.loads(out.getvalue())["exception"])


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("error", 0)])
def test_the_level_decides_what_is_said(level: str, lines: int) -> None:
    out = io.StringIO()
    configure_logs(LogSettings.model_validate({"level": level}), stream=out)

    log = structlog.get_logger()
    log.debug("one")
    log.info("two")
    logging.getLogger("library").warning("three")

    assert len(out.getvalue().splitlines()) == lines


def test_console_lines_are_no_json_and_hold_the_fields() -> None:
    out = io.StringIO()
    configure_logs(LogSettings(format="console"), stream=out)

    structlog.get_logger().info("track labelled", track_id="t1")

    assert "track labelled" in out.getvalue()
    assert "track_id=t1" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_without_a_stream_standard_error_is_looked_up_at_each_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(LogSettings())

    structlog.get_logger().info("hello")

    captured = capsys.readouterr()
    assert "hello" in captured.err
    assert captured.out == ""
