"""Tests of the look at a feature table."""
