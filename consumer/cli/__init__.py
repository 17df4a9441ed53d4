"""Turns a command line into the service's work: the `genrestream` command.

Commands import what is heavy (torch, librdkafka, onnxruntime) within themselves: `--help` is quick.
"""

from consumer.cli.app import main

__all__ = ["main"]
