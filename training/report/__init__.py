"""Turns a benchmark's figures into `report.json`, `report.md` and `report.html`."""

from __future__ import annotations

from training.report.write import write_report

__all__ = ["write_report"]
