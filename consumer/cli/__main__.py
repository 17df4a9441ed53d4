"""Turns `python -m consumer.cli` into the `genrestream` command."""

from consumer.cli.app import main

main()
