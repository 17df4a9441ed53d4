"""Tests of `training.models.images`."""
