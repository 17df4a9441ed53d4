"""Turns complex numbers into moduli with numpy's bits, inside a kernel."""

from __future__ import annotations

import triton
import triton.language as tl

EXACT = {"enable_fp_fusion": False}
"""Launch options of kernels whose last place reaches a feature: products and sums are rounded apart."""


@triton.jit
def modulus(real, imaginary):
    """Take the modulus as `featurizer.gpu.rounding.scaled_modulus` does, of float32 blocks."""
    one, other = tl.abs(real), tl.abs(imaginary)
    larger, smaller = tl.maximum(one, other), tl.minimum(one, other)
    # Triton's own division and root are approximations of up to two last places.
    ratio = tl.div_rn(smaller, tl.where(larger == 0, 1.0, larger)).to(tl.float64)
    return larger * tl.sqrt_rn((ratio * ratio + 1.0).to(tl.float32))
