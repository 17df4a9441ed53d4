"""Turns records of upload topics into uploads, by an adapter for each form in which they come."""

from consumer.loop.adapters.announcement import Adapter, Announcement, Upload
from consumer.loop.adapters.reader import ADAPTERS, Reader

__all__ = ["ADAPTERS", "Adapter", "Announcement", "Reader", "Upload"]
