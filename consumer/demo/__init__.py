"""Turns audio files, or synthetic pieces, into a table of labels: the whole service in one process."""
