"""Turns the dead-letter topic into a list of what failed, and failures into uploads again, each once."""

from consumer.dead_letters.letter import Letter, LetterPlace
from consumer.dead_letters.letter_log import LetterLog
from consumer.dead_letters.redriver import Listeners, RedriveEnd, Redriver
from consumer.dead_letters.selection import Selection

__all__ = [
    "Letter",
    "LetterLog",
    "LetterPlace",
    "Listeners",
    "RedriveEnd",
    "Redriver",
    "Selection",
]
