"""Turns texts into files that appear whole or not at all, and a `Report` into its three."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from training.errors import OutputError
from training.report.figures import Report

JSON_FILE, MARKDOWN_FILE, PAGE_FILE = "report.json", "report.md", "report.html"
_READABLE: Final = 0o644


def write_report(report: Report, out: Path) -> tuple[Path, ...]:
    """Write `report.json`, `report.md` and `report.html`, replacing older ones.

    Parameters
    ----------
    report : Report
        What was found.
    out : Path
        A folder; it is made where it is not there.

    Returns
    -------
    tuple of Path
        The three files, in that order.

    Raises
    ------
    OutputError
        They cannot be written there; then older ones stand as they were.
    """
    # Drawing takes half a second to import, which whoever wants the figures alone need not wait for.
    from training.report.compose import compose  # noqa: PLC0415
    from training.report.markdown import render_markdown  # noqa: PLC0415
    from training.report.page import render_page  # noqa: PLC0415

    document = compose(report)
    texts = {
        out / JSON_FILE: report.model_dump_json(indent=2) + "\n",
        out / MARKDOWN_FILE: render_markdown(document),
        out / PAGE_FILE: render_page(document),
    }
    write_whole(texts)
    return tuple(texts)


def write_whole(texts: Mapping[Path, str]) -> None:
    """Write files by scratch files that are renamed only when all of them are written.

    Raises
    ------
    OutputError
        One cannot be written; then no file is changed.
    """
    with ExitStack() as stack:
        scratches: list[tuple[Path, Path]] = []
        for path, text in texts.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    raise OutputError(f"a folder is where a file is to be written, path={path}")
                number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
                scratch = Path(name)
                stack.callback(scratch.unlink, missing_ok=True)
                # Lone surrogates come from file names that are not UTF-8: no file could hold them.
                with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
                    file.write(text)
                scratch.chmod(_READABLE)  # mkstemp's are for their owner alone
            except OSError as exc:
                raise OutputError(f"a file cannot be written, path={path}: {exc.strerror}") from exc
            scratches.append((scratch, path))
        for scratch, path in scratches:
            try:
                scratch.replace(path)
            except OSError as exc:
                raise OutputError(f"a file cannot be written, path={path}: {exc.strerror}") from exc
