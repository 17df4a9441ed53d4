"""Tests of `training.cli`."""
