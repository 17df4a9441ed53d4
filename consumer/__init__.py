"""Turns track-upload events from Kafka into genre labels on Kafka, exactly once."""
