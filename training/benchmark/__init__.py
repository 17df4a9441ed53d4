"""Turns labelled windows and kinds of model into measured figures: many fits, resumable, repeatable."""
