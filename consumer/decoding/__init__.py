"""Turns audio URIs into windows or features, in child processes that may die with their own track only."""
