"""Options and silence for all tests."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest
import structlog


def pytest_configure() -> None:
    # In a script's background Ctrl-C is ignored, also by every process that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--simulation-seeds",
        type=int,
        default=1_000,
        metavar="N",
        help="seeds of the Kafka loop's simulation that the slow tier runs (default: 1000)",
    )


@pytest.fixture
def simulation_seeds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--simulation-seeds"))


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a command run in this process did to the logs: the next test may listen to them."""
    configuration, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**configuration)
    root.handlers = handlers
    root.setLevel(level)
