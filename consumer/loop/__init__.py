"""Turns consumed records into committed outcomes: the Kafka thread, and nothing that knows a client."""
