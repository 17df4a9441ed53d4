"""Turns command-line options into simulated runs: one seed told in full, or many told by their failures."""

from __future__ import annotations

import argparse
import logging
import sys
import time

import structlog

from consumer.simulation import ViolationError, simulate


def main() -> int:
    """Run; the exit status is 1 where a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m consumer.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from the first on")
    parser.add_argument("--verbose", action="store_true", help="tell what happens, by virtual second")
    options = parser.parse_args()
    level = logging.INFO if options.verbose else logging.CRITICAL
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stdout)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    started = time.perf_counter()
    failures = 0
    for seed in range(options.seed, options.seed + options.seeds):
        try:
            simulate(seed)
        except ViolationError as exc:
            failures += 1
            print(f"seed {seed} failed: {exc}")  # noqa: T201 - what the command is for
    seconds = time.perf_counter() - started
    print(f"{options.seeds} seeds, {failures} failed, {seconds:.1f} s")  # noqa: T201 - what the command is for
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
