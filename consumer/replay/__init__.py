"""Turns what Kafka remembers of past uploads into new labels: a replay, its plan and its workers."""
