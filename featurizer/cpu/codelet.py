"""Turns the discrete Fourier transform of a power-of-two length into a straight-line program.

The program is written once, for any arithmetic: vectors of LLVM or of numpy, single or double.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

Vector = TypeVar("Vector")
Complex = tuple[Vector, Vector]


class Arithmetic(Protocol[Vector]):
    """What the program needs of numbers."""

    def add(self, left: Vector, right: Vector) -> Vector:
        """Return ``left + right``."""

    def subtract(self, left: Vector, right: Vector) -> Vector:
        """Return ``left - right``."""

    def scaled_add(self, factor: float, value: Vector, addend: Vector) -> Vector:
        """Return ``factor * value + addend``."""


def fourier(
    arithmetic: Arithmetic[Vector], load: Callable[[int], Complex[Vector]], *, n: int
) -> list[Complex[Vector]]:
    """Transform `n` complex numbers: ``X[k] = sum over j of x[j] exp(-2 pi i j k / n)``.

    Split radix with conjugate pairs (Kamar and Elcherif 1989; Johnson and Frigo 2007). Each twiddle
    factor ``cos (1 - i tan)`` is applied as a multiplication by the tangent, whose product the addition
    absorbs, and one by the cosine, which the butterfly's additions absorb: 372 operations for 32 points.

    Parameters
    ----------
    arithmetic : Arithmetic
        How vectors are added and multiplied.
    load : callable
        Gives ``x[j]`` as real and imaginary part; called once for each `j`, when its value is first needed.
    n : int
        A power of two.

    Returns
    -------
    list of (real, imaginary)
        ``X[0]`` to ``X[n - 1]``.
    """
    return _fourier(arithmetic, load, range(n))


def _fourier(
    a: Arithmetic[Vector], load: Callable[[int], Complex[Vector]], inputs: Sequence[int]
) -> list[Complex[Vector]]:
    n = len(inputs)
    if n == 1:
        return [load(inputs[0])]
    if n == 2:
        (first_re, first_im), (second_re, second_im) = load(inputs[0]), load(inputs[1])
        return [
            (a.add(first_re, second_re), a.add(first_im, second_im)),
            (a.subtract(first_re, second_re), a.subtract(first_im, second_im)),
        ]
    quarter = n // 4
    even = _fourier(a, load, inputs[0::2])
    after = _fourier(a, load, inputs[1::4])
    before = _fourier(a, load, [inputs[4 * j - 1] for j in range(quarter)])
    outputs = [even[0]] * n
    for k in range(quarter):
        places = (k, k + quarter, k + 2 * quarter, k + 3 * quarter)
        pair = (even[k], even[k + quarter])
        for place, output in zip(places, _butterfly(a, pair, after[k], before[k], turn=k / n), strict=True):
            outputs[place] = output
    return outputs


def _butterfly(
    a: Arithmetic[Vector],
    even: tuple[Complex[Vector], Complex[Vector]],
    after: Complex[Vector],
    before: Complex[Vector],
    *,
    turn: float,
) -> tuple[Complex[Vector], Complex[Vector], Complex[Vector], Complex[Vector]]:
    """Join the even inputs' transform with those of the inputs one after and one before every fourth."""
    (even_re, even_im), (odd_re, odd_im) = even
    cosine, tangent = _cosine_and_tangent(turn)
    after_re, after_im = _turned(a, after, tangent)
    before_re, before_im = _turned(a, before, -tangent)
    sum_re, sum_im = a.add(after_re, before_re), a.add(after_im, before_im)
    gap_re, gap_im = a.subtract(after_re, before_re), a.subtract(after_im, before_im)
    return (
        (a.scaled_add(cosine, sum_re, even_re), a.scaled_add(cosine, sum_im, even_im)),
        (a.scaled_add(cosine, gap_im, odd_re), a.scaled_add(-cosine, gap_re, odd_im)),
        (a.scaled_add(-cosine, sum_re, even_re), a.scaled_add(-cosine, sum_im, even_im)),
        (a.scaled_add(-cosine, gap_im, odd_re), a.scaled_add(cosine, gap_re, odd_im)),
    )


def _turned(a: Arithmetic[Vector], number: Complex[Vector], tangent: float) -> Complex[Vector]:
    """Multiply by ``1 - i tangent``."""
    real, imaginary = number
    if tangent == 0.0:
        return number
    return a.scaled_add(tangent, imaginary, real), a.scaled_add(-tangent, real, imaginary)


def _cosine_and_tangent(turn: float) -> tuple[float, float]:
    """Return both of a share of a full turn below a quarter, exact at 0 and an eighth."""
    if turn == 0.0:
        return 1.0, 0.0
    if turn == 0.125:
        return math.sqrt(0.5), 1.0
    return math.cos(2 * math.pi * turn), math.tan(2 * math.pi * turn)
