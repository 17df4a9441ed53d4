"""Checks of Triton kernels by its interpreter, which `tests/featurizer/test_gpu_kernels.py` runs apart.

Triton decides when it is imported whether it compiles or interprets, so these run in a process of their own.
"""
