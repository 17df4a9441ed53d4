"""Turns windows into features one at a time in scratch memory that fits the cache, one file a stage."""
