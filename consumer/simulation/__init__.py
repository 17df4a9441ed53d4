"""Turns a seed into a run of several workers over the in-memory broker, with faults, and judges it.

Everything is decided by the seed: the load, the schedule, the virtual time, the faults. A seed that fails
fails again: `python -m consumer.simulation --seed N --verbose`.
"""

from consumer.simulation.oracle import ViolationError
from consumer.simulation.world import World, simulate

__all__ = ["ViolationError", "World", "simulate"]
