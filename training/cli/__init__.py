"""Turns command lines into trained models: the `genrestream-train` command, a module a subcommand."""

from __future__ import annotations

from training.cli.app import app, main

__all__ = ["app", "main"]
