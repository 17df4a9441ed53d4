"""Turns pyproject.toml and the name of an extra into requirements, so that an image keeps them in a layer."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(extra: str, *, project: Path) -> list[str]:
    """Give what the project and one of its extras need, as pip's requirement lines.

    Raises
    ------
    KeyError
        There is no such extra.
    """
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    return [*table["dependencies"], *table["optional-dependencies"][extra]]


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1], project=Path("pyproject.toml"))))
