"""Turns files that hold pictures, audio or embeddings into labelled windows."""
