"""The cycle collector looks seldom within, and as before afterwards."""

from __future__ import annotations

import gc

import pytest

from consumer.replay.rare_collections import rare_collections


def test_the_collector_is_as_it_was_afterwards_whatever_happened_inside() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    @rare_collections()
    def fail() -> None:
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > frozen
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_are_found_inside_all_the_same() -> None:
    class Node:
        alive = 0

        def __init__(self) -> None:
            Node.alive += 1
            self.itself = self

        def __del__(self) -> None:
            Node.alive -= 1

    with rare_collections():
        for _ in range(gc.get_threshold()[0]):  # a node and its dictionary each
            Node()
        assert Node.alive < gc.get_threshold()[0]
