"""Turns a registry of models into who speaks now: loaded, replaced while the worker runs, tried beside it."""
