"""Turns a folder of labelled audio into a feature table, with the product's own decoder and featurizer."""
