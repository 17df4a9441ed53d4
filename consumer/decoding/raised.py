"""Turns an exception's name and message, as a child sent them, back into an exception of its own class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from consumer.decoding.messages import Raised
from consumer.errors import ConsumerError, DecoderOutOfMemoryError, UnexpectedError
from featurizer.errors import FeaturizerError
from modelzoo.errors import ModelError

_ROOTS: Final = (ConsumerError, FeaturizerError, ModelError)
_OUT_OF_MEMORY: Final = "builtins.MemoryError"


def exception_of(raised: Raised) -> Exception:
    """Give the exception: of the same class where it is one of ours, else `UnexpectedError` with its name.

    Only the classes of our error trees are looked up, by name: nothing that a child sends is imported or run.
    """
    if raised.error == _OUT_OF_MEMORY:
        return DecoderOutOfMemoryError(f"the decoder ran out of memory: {raised.message}")
    known = {f"{cls.__module__}.{cls.__qualname__}": cls for root in _ROOTS for cls in _tree(root)}
    cls = known.get(raised.error)
    if cls is None:
        return UnexpectedError(f"{raised.error}: {raised.message}")
    try:
        return cls(raised.message)
    except TypeError:  # it wants more than a message
        return UnexpectedError(f"{raised.error}: {raised.message}")


def _tree(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for cls in root.__subclasses__():
        yield from _tree(cls)
