"""Turns feature vectors into probabilities and probabilities into a label; holds the exported models."""
