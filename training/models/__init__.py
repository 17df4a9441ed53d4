"""Turns labelled windows into fitted models of every kind that the benchmark compares."""
