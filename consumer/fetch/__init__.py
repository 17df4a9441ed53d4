"""Turns audio URIs into seekable files: one door, with allow-lists, limits and a client for each scheme."""

from consumer.fetch.fetcher import Fetched, Fetcher

__all__ = ["Fetched", "Fetcher"]
