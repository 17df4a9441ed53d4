"""Turns labelled feature tables into an exported, calibrated, honestly measured model."""
