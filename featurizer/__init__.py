"""Turns encoded audio into feature vectors: decode, cut into windows, featurize."""
