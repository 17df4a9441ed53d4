"""Turns track jobs into labels, in parallel: children that decode, batches that are featurized and scored."""
