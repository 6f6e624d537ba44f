"""Rice coding of images of real numbers, as tile-compressed FITS images hold them.

Pixels are rounded to whole steps with a subtractive dither,

    q = nint((value - zero) / step + u - 0.5)

`u` a fixed sequence of uniform numbers and `zero` the row's least value to the nearest step.  Each
row is then packed by itself: its first number in 32 bits, and the differences of each to the one
before, folded so that 0, -1, 1, -2 become 0, 1, 2, 3, in blocks of 32: five bits that say how many
low bits are kept as they are, and what lies above them as so many zeros and a one.

Source: FITS standard 4.0, sections 10.2 and 10.4.1 and appendix I; Rice, Yeh & Miller 1993.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.kernels.big_endian import swapped
from tica_fn.kernels.compile import formula, thorough_kernel
from tica_fn.kernels.types import Array, Image, Vector, Words

__all__ = ["DITHER_NUMBERS", "pack_rows", "quantise_row", "rice_row", "words_at_most"]

_COUNT = 10_000
_FIRST = 500.0
"""The dither of a row begins at this times the number that is the row's own."""
_BLOCK = 32
_HIGHEST_SPLIT = 25
_LANES = 16
_LARGEST = 2147483647.0 - 10.0


def _dither_numbers() -> Array:
    """The generator of Park and Miller, as the standard has it."""
    state, out = 1, np.empty(_COUNT, dtype=np.float32)
    for k in range(_COUNT):
        state = state * 16807 % 2147483647
        out[k] = state / 2147483647
    return out


DITHER_NUMBERS = _dither_numbers()
"""(10000,) float32: the numbers of every dither."""
DITHER_NUMBERS.setflags(write=False)


@formula
def words_at_most(columns: int) -> int:
    """Words that a packed row of so many pixels needs at most, and one to spare."""
    return 3 + columns + -(-columns // _BLOCK)


@thorough_kernel
def limits_of_row(row: Vector) -> tuple[float, float]:
    """Least and greatest value; infinite where one is no number."""
    low, high = np.empty(_LANES, row.dtype), np.empty(_LANES, row.dtype)
    odd = np.empty(_LANES, dtype=np.int32)
    for k in range(_LANES):
        low[k], high[k], odd[k] = np.inf, -np.inf, 0
    whole = row.size - row.size % _LANES
    for start in range(0, whole, _LANES):
        for k in range(_LANES):
            value = row[start + k]
            low[k] = value if value < low[k] else low[k]
            high[k] = value if value > high[k] else high[k]
            odd[k] |= np.int32(0) if value - value == 0.0 else np.int32(1)
    for c in range(whole, row.size):
        value = row[c]
        low[0] = value if value < low[0] else low[0]
        high[0] = value if value > high[0] else high[0]
        odd[0] |= np.int32(0) if value - value == 0.0 else np.int32(1)
    lowest, highest, some_odd = low[0], high[0], odd[0]  # Loops compile sooner than `np.min`.
    for k in range(1, _LANES):
        lowest = low[k] if low[k] < lowest else lowest
        highest = high[k] if high[k] > highest else highest
        some_odd |= odd[k]
    return (-np.inf, np.inf) if some_odd else (float(lowest), float(highest))


@thorough_kernel
def quantise_row(row: Vector, step: float, number: int, dither: Vector, out: Array) -> float:
    """Fill `out` with a row's values in whole steps; what a step of 0 stands for.

    `number` is the row's own number, from 1, by which its dither begins.  NaN where a value is no
    number or too far from the others.
    """
    low, high = limits_of_row(row)
    if not (high - low) / step < _LARGEST:
        return np.nan
    zero = step * float(np.int64(low / step + 0.5))
    seed = (number - 1) % _COUNT
    place: Any = np.int64(dither[seed] * _FIRST)
    c: Any = 0
    while c < row.size:
        run = min(_COUNT - place, row.size - c)
        values, shifts, filled = row[c : c + run], dither[place : place + run], out[c : c + run]
        for k in range(run):
            x = (float(values[k]) - zero) / step + float(shifts[k]) - 0.5
            filled[k] = np.int32(x + 0.5 if x >= 0.0 else x - 0.5)
        c += run
        seed = (seed + 1) % _COUNT
        place = np.int64(dither[seed] * _FIRST)
    return zero


@formula
def split_of(total: float, count: int) -> int:
    """How many low bits of a block's numbers are kept as they are."""
    mean = (total - float(count // 2) - 1.0) / count
    rest: Any = np.int64(max(mean, 0.0)) >> 1
    bits = 0
    while rest > 0:
        bits += 1
        rest >>= 1
    return bits


@thorough_kernel
def rice_row(values: Array, out: Words) -> int:
    """Fill the first words of `out` with a row's code, as they lie in a file; the bytes it has."""
    folded = np.empty(_BLOCK, dtype=np.uint32)
    gathered: Any = np.uint64(np.uint32(values[0]))
    held: Any = 32
    place = 0
    last = values[0]
    for start in range(0, values.size, _BLOCK):
        count = min(_BLOCK, values.size - start)
        total = 0.0
        for k in range(count):
            difference = np.int32(values[start + k] - last)
            last = values[start + k]
            folded[k] = np.uint32(difference << 1) ^ np.uint32(difference >> 31)
            total += float(folded[k])
        bits = split_of(total, count)
        if held >= 32:
            held -= 32
            out[place] = swapped(np.uint32(gathered >> np.uint64(held)))
            place += 1
        said = 0 if total == 0.0 else min(bits, _HIGHEST_SPLIT) + 1
        gathered = (gathered << np.uint64(5)) | np.uint64(said)
        held += 5
        if said == 0:
            continue
        if bits >= _HIGHEST_SPLIT:
            bits = 32  # The numbers as they are.
        one = np.uint64(1) << np.uint64(bits)
        low = one - np.uint64(1)
        if bits == 32:
            one = np.uint64(0)
        for k in range(count):
            if held >= 32:
                held -= 32
                out[place] = swapped(np.uint32(gathered >> np.uint64(held)))
                place += 1
            value = np.uint64(folded[k])
            above: Any = np.int64(value >> np.uint64(bits))
            while above + bits > 31 and bits < 32:  # More zeros than there is room for at once.
                zeros = min(above, 32)
                gathered <<= np.uint64(zeros)
                held += zeros
                above -= zeros
                while held >= 32:
                    held -= 32
                    out[place] = swapped(np.uint32(gathered >> np.uint64(held)))
                    place += 1
                if above == 0:
                    break
            size = above + bits + (1 if bits < 32 else 0)
            gathered = (gathered << np.uint64(size)) | one | (value & low)
            held += size
    size = 4 * place + -(-held // 8)
    while held > 0:
        left = held - 32
        word = gathered >> np.uint64(left) if left >= 0 else gathered << np.uint64(-left)
        out[place] = swapped(np.uint32(word & np.uint64(0xFFFFFFFF)))
        place += 1
        held = left
    return int(size)


@thorough_kernel
def pack_rows(
    pixels: Image, step: float, first: int, dither: Vector, out: Words, sizes: Array, zeros: Vector
) -> int:
    """Pack every row of float32 pixels, one behind the other; the bytes of all.

    `out` is room for them as words; `sizes` (rows,) int32 and `zeros` (rows,) float64 are filled.
    Gives -1 where a row can't be coded.
    """
    columns = pixels.shape[1]
    values = np.empty(columns, dtype=np.int32)
    room = np.empty(words_at_most(columns), dtype=np.uint32)
    data, of_row = out.view(np.uint8), room.view(np.uint8)
    place = 0
    for r in range(pixels.shape[0]):
        zeros[r] = quantise_row(pixels[r], step, first + r, dither, values)
        if np.isnan(zeros[r]):
            return -1
        size = rice_row(values, room)
        for k in range(size):  # Setting a slice would compile the words of an error, for a second.
            data[place + k] = of_row[k]
        sizes[r] = size
        place += size
    return place
