"""Options and silence for all tests."""

from __future__ import annotations

import pytest


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
