"""Turns a benchmark's figures into `report.json`, `report.md` and `report.html`."""
