"""Turns a dictionary into what a registry needs of an object store; it can be away, and it counts reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from consumer.errors import FetchUnavailableError
from consumer.fetch.object_folder import ObjectFolder
from consumer.rollout.store_source import StoreSource


@dataclass
class DictFolder:
    """Objects by path."""

    url: str = "s3://bucket/models"
    objects: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def folders(self, path: str = "") -> list[str]:
        self._answer()
        start = f"{path}/" if path else ""
        rests = (name.removeprefix(start) for name in self.objects if name.startswith(start))
        return sorted({rest.partition("/")[0] for rest in rests if "/" in rest})

    def read(self, path: str) -> bytes | None:
        self._answer()
        self.reads.append(path)
        return self.objects.get(path)

    def write(self, path: str, body: bytes) -> None:
        self._answer()
        self.writes.append(path)
        self.objects[path] = body

    def _answer(self) -> None:
        if self.away:
            raise FetchUnavailableError("nobody answers")


def source_of(store: DictFolder, cache: Path) -> StoreSource:
    """Open a registry in it."""
    return StoreSource(cast("ObjectFolder", store), cache=cache)
