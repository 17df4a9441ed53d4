"""Turns a bare machine with a GPU into figures: parity with librosa, throughput, distance to the roofline."""
