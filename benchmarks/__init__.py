"""Turns the product and real music into figures: each module is a program, `python -m benchmarks.NAME`."""
