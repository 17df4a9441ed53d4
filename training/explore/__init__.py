"""Turns a table of features into a page that shows what is in it, before anything is trained on it."""
