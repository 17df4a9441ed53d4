"""Turns the steps that waste memory traffic in torch into one Triton kernel each.

Each file carries the name of the torch stage beside this folder that does the same, and that its tests hold
it to: ``kernels/spectral.py`` does what ``spectral.py`` does. `featurizer.gpu.fused` puts them together.
Nothing here is imported where Triton is absent.
"""
