"""Turns columns of samples into spectra and back: the vector programs of a 2,048-point real transform.

Two neighbouring samples make one complex number, and the 1,024 of them are transformed as 32 by 32 (Cooley
and Tukey): for each remainder `n2` of the number's index by 32 a 32-point transform and twiddle factors,
then for each remainder `k1` of the bin by 32 another one. Each program does one step for as many frames at
once as a vector has lanes. A complex vector lies in memory as its real lanes, then its imaginary ones.
"""

from __future__ import annotations

from typing import Final

from llvmlite import ir

from featurizer.cpu.codelet import fourier
from featurizer.cpu.layout import HOP, ROWS_PER_GROUP
from featurizer.cpu.vector_ir import Emitter, Memory, Value, vector_operation

SIDE: Final = 32
"""1,024 complex numbers are a square of 32 rows and columns."""
PEAK_VECTORS: Final = 8
"""Vectors of samples whose peak is taken at once."""
_GROUPS_PER_HOP: Final = HOP // ROWS_PER_GROUP
_SINGLE: Final = ir.FloatType()


def _multiply(e: Emitter, left: tuple[Value, Value], right: tuple[Value, Value]) -> tuple[Value, Value]:
    (a, b), (c, d) = left, right
    real = e.multiply_add(e.negative(b), d, e.multiply(a, c))
    imaginary = e.multiply_add(a, d, e.multiply(b, c))
    return real, imaginary


def _load_complex(e: Emitter, memory: Memory, start: Value, slot: int) -> tuple[Value, Value]:
    place = e.offset(start, 2 * e.width * slot)
    return e.load(memory, place), e.load(memory, e.offset(place, e.width))


def _store_complex(e: Emitter, number: tuple[Value, Value], memory: Memory, place: Value) -> None:
    e.store(number[0], memory, place)
    e.store(number[1], memory, e.offset(place, e.width))


def _turned(
    e: Emitter, number: tuple[Value, Value], index: int, twiddles: Memory, start: Value
) -> tuple[Value, Value]:
    if index == 0:
        return number
    cosine = e.broadcast(twiddles, e.offset(start, 2 * index))
    sine = e.broadcast(twiddles, e.offset(start, 2 * index + 1))
    return _multiply(e, (cosine, sine), number)


@vector_operation
def raise_peaks(e: Emitter, window: Memory, start: Value, peaks: Memory) -> None:
    """Raise the greatest magnitude of each lane to those of the next vectors of samples."""
    loudest = [e.absolute(e.load(window, e.offset(start, e.width * index))) for index in range(PEAK_VECTORS)]
    while len(loudest) > 1:
        loudest = [e.maximum(left, right) for left, right in zip(loudest[0::2], loudest[1::2], strict=True)]
    e.store(e.maximum(loudest[0], e.load(peaks, e.index(0))), peaks, e.index(0))


@vector_operation
def taper_and_transform(
    e: Emitter,
    columns: Memory,
    column: Value,
    row_pitch: Value,
    group_pitch: Value,
    taper: Memory,
    taper_start: Value,
    twiddles: Memory,
    twiddle_start: Value,
    work: Memory,
    work_start: Value,
    work_pitch: Value,
) -> None:
    """Do the forward transform's first step for one `n2`.

    Sample ``64 j + 2 n2`` of a frame is row ``64 (j mod 8) + 2 n2`` of the columns, ``j // 8`` lanes on.
    """

    def sample(row: Value, index: int) -> Value:
        raw = e.convert(e.load(columns, row), work.element)
        return e.multiply(raw, e.broadcast(taper, e.offset(taper_start, index)))

    def load(j: int) -> tuple[Value, Value]:
        hops, group = divmod(j, _GROUPS_PER_HOP)
        row = e.offset(e.at(column, group_pitch, group), hops)
        return sample(row, ROWS_PER_GROUP * j), sample(e.builder.add(row, row_pitch), ROWS_PER_GROUP * j + 1)

    for k1, number in enumerate(fourier(e, load, n=SIDE)):
        turned = _turned(e, number, k1, twiddles, twiddle_start)
        _store_complex(e, turned, work, e.at(work_start, work_pitch, k1))


@vector_operation
def transform(e: Emitter, work: Memory, work_start: Value, pairs: Memory, pairs_start: Value) -> None:
    """Do the forward transform's second step for one `k1`."""
    outputs = fourier(e, lambda n2: _load_complex(e, work, work_start, n2), n=SIDE)
    for k2, number in enumerate(outputs):
        _store_complex(e, number, pairs, e.offset(pairs_start, 2 * e.width * k2))


def _modulus(e: Emitter, real: Value, imaginary: Value) -> Value:
    return e.square_root(e.multiply_add(real, real, e.multiply(imaginary, imaginary)))


def _numpy_modulus(e: Emitter, real: Value, imaginary: Value) -> Value:
    """Take the modulus as numpy (2.0 and later) rounds it.

    Other roundings decide otherwise which bins of a flat spectrum are peaks: a click's tuning changes, and
    its ``chroma_stft_var`` by up to 0.03 standard deviations. Costs a division.
    """
    real, imaginary = e.absolute(real), e.absolute(imaginary)
    greater, lesser = e.maximum(real, imaginary), e.minimum(real, imaginary)
    ratio = e.divide(lesser, greater)
    root = e.square_root(e.multiply_add(ratio, ratio, e.constant(1.0, ratio)))
    return e.where_zero(greater, greater, e.multiply(root, greater))


@vector_operation
def separate(
    e: Emitter,
    pairs: Memory,
    here: Value,
    mirror: Value,
    turns: Memory,
    turn: Value,
    spectrum: Memory,
    bin_: Value,
    mirror_bin: Value,
    part: Value,
    unscale: Memory,
    lane: Value,
    magnitude: Memory,
    cell: Value,
    mirror_cell: Value,
) -> None:
    """Make bins `k` and ``1024 - k`` of the real transform from those of the complex one.

    Writes both as complex numbers, rounded to single, their real and imaginary parts `part` elements apart;
    and, times `unscale`, their magnitude.
    """
    a_re, a_im = _load_complex(e, pairs, here, 0)
    b_re, b_im = _load_complex(e, pairs, mirror, 0)
    even_re, even_im = e.add(a_re, b_re), e.subtract(a_im, b_im)
    odd = e.add(a_im, b_im), e.subtract(b_re, a_re)
    turn_factor = e.broadcast(turns, turn), e.broadcast(turns, e.offset(turn, 1))
    odd_re, odd_im = _multiply(e, turn_factor, odd)
    loudness = e.load(unscale, lane)
    for number, place, target in (
        ((e.add(even_re, odd_re), e.add(even_im, odd_im)), bin_, cell),
        ((e.subtract(even_re, odd_re), e.subtract(odd_im, even_im)), mirror_bin, mirror_cell),
    ):
        real, imaginary = (e.convert(number[0], _SINGLE), e.convert(number[1], _SINGLE))
        e.store(real, spectrum, place)
        e.store(imaginary, spectrum, e.builder.add(place, part))
        modulus = _numpy_modulus if isinstance(pairs.element, ir.DoubleType) else _modulus
        e.store(e.multiply(modulus(e, real, imaginary), loudness), magnitude, target)


@vector_operation
def join_masked(
    e: Emitter,
    spectrum: Memory,
    bin_: Value,
    mirror_bin: Value,
    part: Value,
    mask: Memory,
    cell: Value,
    mirror_cell: Value,
    turns: Memory,
    turn: Value,
    pairs: Memory,
    here: Value,
    mirror: Value,
) -> None:
    """Undo `separate` for bins `k` and ``1024 - k``, each times its mask; gives twice the complex bins."""

    def masked(place: Value, gain: Value) -> tuple[Value, Value]:
        imaginary = e.load(spectrum, e.builder.add(place, part))
        return e.multiply(e.load(spectrum, place), gain), e.multiply(imaginary, gain)

    x_re, x_im = masked(bin_, e.load(mask, cell))
    y_re, y_im = masked(mirror_bin, e.load(mask, mirror_cell))
    even_re, even_im = e.add(x_re, y_re), e.subtract(x_im, y_im)
    difference = e.subtract(x_re, y_re), e.add(x_im, y_im)
    cosine, sine = e.broadcast(turns, turn), e.broadcast(turns, e.offset(turn, 1))
    odd_re, odd_im = _multiply(e, (cosine, e.negative(sine)), difference)
    _store_complex(e, (e.subtract(even_re, odd_im), e.add(even_im, odd_re)), pairs, here)
    _store_complex(e, (e.add(even_re, odd_im), e.subtract(odd_re, even_im)), pairs, mirror)


@vector_operation
def transform_back(
    e: Emitter,
    pairs: Memory,
    pairs_start: Value,
    twiddles: Memory,
    twiddle_start: Value,
    work: Memory,
    work_start: Value,
    work_pitch: Value,
) -> None:
    """Do the inverse transform's first step for one remainder of the bin by 32.

    The inverse transform is the forward one with real and imaginary parts swapped, before and after.
    """

    def load(j: int) -> tuple[Value, Value]:
        real, imaginary = _load_complex(e, pairs, pairs_start, j)
        return imaginary, real

    for k1, number in enumerate(fourier(e, load, n=SIDE)):
        turned = _turned(e, number, k1, twiddles, twiddle_start)
        _store_complex(e, turned, work, e.at(work_start, work_pitch, k1))


@vector_operation
def transform_back_and_add(
    e: Emitter,
    work: Memory,
    work_start: Value,
    taper: Memory,
    taper_start: Value,
    added: Memory,
    here: Value,
    beyond: Value,
    row_pitch: Value,
    group_pitch: Value,
) -> None:
    """Do the inverse transform's second step for one `k1`; taper the samples and add them to the columns.

    The four samples of a frame that lie in one row go to neighbouring lanes: the vectors are shifted and
    added in registers. What goes beyond their lanes starts the next vector's, whose place is `beyond`.
    """
    outputs = fourier(e, lambda n2: _load_complex(e, work, work_start, n2), n=SIDE)
    for group in range(_GROUPS_PER_HOP):
        places = e.at(here, group_pitch, group), e.at(beyond, group_pitch, group)
        for part in (0, 1):
            hops = []
            for hop in range(SIDE // _GROUPS_PER_HOP):
                k2 = group + _GROUPS_PER_HOP * hop
                # Swapped: the first is imaginary, hence the odd sample.
                sample = outputs[k2][1 - part]
                place = e.offset(taper_start, ROWS_PER_GROUP * k2 + part)
                hops.append(e.multiply(sample, e.broadcast(taper, place)))
            if part:
                places = e.builder.add(places[0], row_pitch), e.builder.add(places[1], row_pitch)
            _add_shifted(e, hops, added, places)


def _add_shifted(e: Emitter, hops: list[Value], added: Memory, places: tuple[Value, Value]) -> None:
    zero = e.constant(0.0, hops[0])
    lanes = range(e.width)
    total = e.add(e.load(added, places[0]), hops[0])
    beyond: Value = None
    for shift, hop in enumerate(hops[1:], start=1):
        inside = [e.width + lane - shift if lane >= shift else 0 for lane in lanes]
        total = e.add(total, e.shuffle(zero, hop, inside))
        outside = [e.width + e.width - shift + lane if lane < shift else 0 for lane in lanes]
        carried = e.shuffle(zero, hop, outside)
        beyond = carried if beyond is None else e.add(beyond, carried)
    e.store(total, added, places[0])
    e.store(beyond, added, places[1])
