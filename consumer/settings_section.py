"""Turns a part of the settings into a frozen model that prints itself with every secret masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

_MASKED_WORDS: Final = frozenset({"password", "secret", "token", "key", "credential", "credentials", "jaas"})


class Section(BaseModel):
    """One table of the settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Print like any model, but with secrets masked."""
        masked: dict[str, Any] = mask(self.model_dump(mode="json"))
        return masked.items()


def mask(value: Any) -> Any:
    """Replace by stars the strings whose name says that they are secret, at any depth of dictionaries."""
    if not isinstance(value, dict):
        return value
    return {
        name: "**********" if _is_secret(name) and isinstance(inner, str) else mask(inner)
        for name, inner in value.items()
    }


def _is_secret(name: str) -> bool:
    words = name.lower().replace(".", "_").split("_")
    return any(word in _MASKED_WORDS for word in words)
