"""Pixels that stand out: too much signal, runs of it along a column, single ones that shine alone.

Source: a star's light is spread over several pixels (the core of a TESS star puts at least 0.4 of
its brightest pixel into the next one); what a cosmic ray leaves is not.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula, kernel, thorough_kernel
from tica_fn.kernels.types import Array, Image, Table, Vector

__all__ = [
    "count_faint",
    "extend_runs",
    "isolated_pixels",
    "longest_runs",
    "peaks_of_row",
    "place_flags",
    "signal_flags",
]

_CROWDED = 25
"""Where more than one pixel in so many passes the first look, a second one pays."""
_SLACK = 1e-6
"""What rounding may do in the second look, as a part of the values in it."""


@thorough_kernel
def signal_flags(
    pixels: Image,
    flat: Image,
    flat_error: Image,
    divided: bool,
    columns: Image,
    flat_limits: Vector,
    bits: Vector,
    full: Image,
    out: Image,
) -> None:
    """Add to `out` what the electrons of each pixel, and its flat field, say of it.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64, calibrated so far; not modified.
    flat : ndarray
        (rows, columns) float32 flat field.
    flat_error : ndarray
        (rows, columns) float32 error of the flat field, or (1, columns) zeros.
    divided : bool
        Whether `pixels` were divided by the flat field.
    columns : ndarray
        (4, columns) float64: smear that was subtracted [electron] or zeros; electrons in one unit
        of `pixels`; from where on a pixel is saturated, and above what its linearity is not known
        [electron], infinite where that has no meaning.
    flat_limits : ndarray
        (3,) float64: lowest and highest flat field that can be right, largest error.
    bits : ndarray
        (4,) int64: bits of saturated, beyond linearity, wrong model, no number.
    full : ndarray
        (rows, columns) bool, filled: which pixels are saturated.
    out : ndarray
        (rows, columns) int32, changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import signal_flags
    >>> pixels, quality = np.array([[10.0, 200.0, np.nan]]), np.zeros((1, 3), dtype=np.int32)
    >>> flat, no_error = np.ones((1, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.float32)
    >>> columns = np.array([[0.0] * 3, [1.0] * 3, [100.0] * 3, [np.inf] * 3])
    >>> flat_limits, bits = np.array([0.5, 2.0, 0.1]), np.array([1, 2, 4, 8])
    >>> full = np.empty((1, 3), dtype=np.bool_)
    >>> signal_flags(pixels, flat, no_error, False, columns, flat_limits, bits, full, quality)
    >>> quality, full
    (array([[0, 1, 8]], dtype=int32), array([[False,  True, False]]))
    """
    per_error = 1 if flat_error.shape[0] > 1 else 0
    smear, scale = columns[0], columns[1]
    # Arrays of its own, which the compiler knows that `out` does not change.
    full_at, end_at = np.empty(columns.shape[1]), np.empty(columns.shape[1])
    for c in range(columns.shape[1]):
        full_at[c], end_at[c] = columns[2, c], columns[3, c]
    lowest, highest, largest = flat_limits[0], flat_limits[1], flat_limits[2]
    none = np.int32(0)
    saturated, beyond = np.int32(bits[0]), np.int32(bits[1])
    invalid, missing = np.int32(bits[2]), np.int32(bits[3])
    for r in range(pixels.shape[0]):
        y, of_row, error = pixels[r], flat[r], flat_error[r * per_error]
        o, marked = out[r], full[r]
        for c in range(pixels.shape[1]):
            f = float(of_row[c])
            e = float(y[c]) * (scale[c] * (f if divided else 1.0)) + smear[c]
            wrong = (f < lowest) | (f > highest) | (not error[c] <= largest)
            marked[c] = e >= full_at[c]
            found = (saturated if e >= full_at[c] else none) | (beyond if e > end_at[c] else none)
            o[c] |= found | (invalid if wrong else none) | (missing if np.isnan(e) else none)


@kernel
def place_flags(of_row: Vector, of_column: Image, virtual: Vector, bit: int, out: Image) -> None:
    """Fill `out` with the bits of rows and columns; pixels of virtual columns have one bit alone.

    `of_row` is (rows, 2): bits of each row, and which of the two rows of `of_column` counts there.
    """
    alone = np.int32(bit)
    for r in range(out.shape[0]):
        here, columns, o = of_row[r, 0], of_column[of_row[r, 1]], out[r]
        for c in range(out.shape[1]):
            o[c] = alone if virtual[c] else here | columns[c]


@kernel
def extend_runs(marked: Image, now: Array, longest: Array) -> None:
    """Go on with the runs of marked pixels along each column: length so far, and the longest."""
    for r in range(marked.shape[0]):
        row = marked[r]
        for c in range(row.size):
            now[c] = now[c] + 1 if row[c] else 0
            longest[c] = max(longest[c], now[c])


@kernel
def longest_runs(marked: Image, out: Table) -> None:
    """Fill `out` with the length of the longest run of marked pixels along each column.

    Parameters
    ----------
    marked : ndarray
        (rows, columns) bool; not modified.
    out : ndarray
        (columns,) int64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import longest_runs
    >>> marked = np.array([[True, False], [True, True], [False, True], [True, True]])
    >>> runs = np.empty(2, dtype=np.int64)
    >>> longest_runs(marked, runs)
    >>> runs
    array([2, 3])
    """
    for c in range(out.size):
        out[c] = 0
    extend_runs(marked, np.zeros(out.size, dtype=np.int64), out)


@kernel
def count_faint(
    pixels: Image, flat: Image, live_s: float, first: int, step: int, limit: float, out: Array
) -> None:
    """Add to `out` how many pixels of each amplifier have less light than a limit.

    Every `step`-th row is looked at, from column `first` on; `out` is (n,) int64, one for each run
    of columns.  A value that is no finite number takes far more off than there are pixels.
    """
    per_flat = 1 if flat.shape[0] > 1 else 0
    width = (pixels.shape[1] - 2 * first) // out.size
    for r in range(0, pixels.shape[0], step):
        for k in range(out.size):
            start = first + k * width
            y, f = pixels[r, start : start + width], flat[r * per_flat, start : start + width]
            faint, odd = 0, 0
            for c in range(width):
                light = float(y[c]) * float(f[c]) / live_s
                faint += light < limit
                odd += light - light != 0.0  # NaN and infinity, too
            out[k] += faint - (2**40 if odd else 0)


@kernel
def peaks_of_row(
    row: Vector, variance: Vector, above: Vector, below: Vector, sigmas: float, out: Array
) -> None:
    """Tell which pixels of a row may stand out: a first look, without branches.

    A neighbour that is no number does not speak against a pixel.  All are as long as the row,
    `variance` in the square of its unit; `out` is bool and may be longer.
    """
    width = row.size
    least = sigmas * sigmas
    for c in range(1, width - 1):
        step = row[c] - row[c - 1]
        peak = (not step <= 0.0) & (not row[c] <= row[c + 1])
        beside = (not row[c] < above[c]) & (not row[c] < below[c])
        enough = not step * step <= least * variance[c]
        out[c] = peak & beside & enough
    for c in (0, width - 1):
        beside = (not row[c] < above[c]) & (not row[c] < below[c])
        out[c] = beside & (not row[c] <= row[abs(c - 1)] if width > 1 else True)


@formula
def lesser(a: float, b: float) -> float:
    """The lesser of two numbers; the second where one is none."""
    return a if a < b else b


@formula
def greater(a: float, b: float) -> float:
    """The greater of two numbers; the first where one is none."""
    return b if a < b else a


@kernel
def drop_companions(
    row: Vector, above: Vector, below: Vector, share: float, room: Image, likely: Array
) -> None:
    """Drop pixels whose brightest neighbour surely has too large a share of their excess.

    The median of eight and the greatest of them come from lesser and greater ones of pairs: without
    branches, many pixels at once.  What rounding could decide, and what is beside a value that is
    no number, stays.  `room` is (3, columns) for the three values of each column, sorted.
    """
    width = row.size
    low, mid, high = room[0], room[1], room[2]
    for c in range(width):
        m0, m1 = lesser(above[c], below[c]), greater(above[c], below[c])
        low[c] = lesser(row[c], m0)
        mid[c] = lesser(greater(row[c], m0), m1)
        high[c] = greater(row[c], m1)
    for c in range(1, width - 1):
        m0, m1 = lesser(above[c], below[c]), greater(above[c], below[c])
        l0, l1, l2 = low[c - 1], mid[c - 1], high[c - 1]
        r0, r1, r2 = low[c + 1], mid[c + 1], high[c + 1]
        # Second to fifth of the six at the sides: the k-th of two sorted lists is the least, over
        # all i + j = k, of the greater of the i-th of one and the j-th of the other.
        s2 = lesser(lesser(l1, r1), greater(l0, r0))
        s3 = lesser(lesser(l2, r2), lesser(greater(l1, r0), greater(l0, r1)))
        s4 = lesser(greater(l2, r0), lesser(greater(l1, r1), greater(l0, r2)))
        s5 = lesser(greater(l2, r1), greater(l1, r2))
        fourth = lesser(s4, lesser(greater(s3, m0), greater(s2, m1)))
        fifth = lesser(s5, lesser(greater(s4, m0), greater(s3, m1)))
        top = greater(greater(l2, r2), m1)
        total = l0 + l1 + l2 + r0 + r1 + r2 + m0 + m1 + row[c]
        slack = _SLACK * (abs(row[c]) + abs(fourth) + abs(fifth) + abs(top))
        background = 0.5 * (float(fourth) + float(fifth))
        over = (top - background) - share * (row[c] - background)
        likely[c] = likely[c] & ~((over > slack) & (total - total == 0.0))


@formula
def stands_alone(
    pixels: Image,
    r: int,
    c: int,
    first: int,
    width: int,
    variance: float,
    sigmas: float,
    share: float,
    around: Vector,
) -> bool:
    """The test of one pixel, `c` counted from the first column of its run."""
    count = 0
    for y in range(max(r - 1, 0), min(r + 2, pixels.shape[0])):
        for x in range(max(c - 1, 0), min(c + 2, width)):
            value = float(pixels[y, first + x])
            if (y != r or x != c) and not np.isnan(value):
                place = count
                while place > 0 and around[place - 1] > value:
                    around[place] = around[place - 1]
                    place -= 1
                around[place] = value
                count += 1
    if count < 3:
        return False
    background = 0.5 * (around[(count - 1) // 2] + around[count // 2])
    excess = float(pixels[r, first + c]) - background
    return bool(
        excess > sigmas * np.sqrt(variance) and around[count - 1] - background < share * excess
    )


@kernel
def isolated_pixels(
    pixels: Image, variance: Image, runs: Table, sigmas: float, share: float, bit: int, out: Image
) -> None:
    """Add a bit to pixels that stand out from all their neighbours as no star does.

    The background is the median of the neighbours; the pixel must exceed it by so many standard
    deviations, and its brightest neighbour by less than a share of that.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64; not modified.
    variance : ndarray
        (rows, columns) float32, square of their unit.
    runs : ndarray
        (n, 2) int64: runs of columns that neighbour each other, half-open.
    sigmas : float
        Standard deviations that a pixel must exceed its background by.
    share : float
        Largest part of its excess that a neighbour may have.
    bit : int
        The bit.
    out : ndarray
        (rows, columns) int32, changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import isolated_pixels
    >>> pixels, variance = np.full((5, 5), 100.0), np.full((5, 5), 100.0, dtype=np.float32)
    >>> pixels[2, 2] = 500.0  # 40 standard deviations, and nothing beside it
    >>> quality = np.zeros((5, 5), dtype=np.int32)
    >>> isolated_pixels(pixels, variance, np.array([[0, 5]]), 8.0, 0.3, 64, quality)
    >>> np.argwhere(quality == 64)
    array([[2, 2]])
    """
    rows, columns = pixels.shape
    around = np.empty(8)
    # Looked through eight at a time.
    words = np.empty(columns // 8 + 1, dtype=np.uint64)
    likely = words.view(np.bool_)
    sorted_columns = np.empty((3, columns), dtype=pixels.dtype)
    for k in range(runs.shape[0]):
        first, last = runs[k, 0], runs[k, 1]
        width = last - first
        for r in range(rows):
            v, noise = pixels[r, first:last], variance[r, first:last]
            above = pixels[max(r - 1, 0), first:last]
            below = pixels[min(r + 1, rows - 1), first:last]
            peaks_of_row(v, noise, above, below, (1.0 - share) * sigmas, likely)
            crowd = 0
            for c in range(width):
                crowd += likely[c]
            if 0 < r < rows - 1 and crowd > width // _CROWDED:
                drop_companions(v, above, below, share, sorted_columns, likely)
            for c in range(width, width // 8 * 8 + 8):
                likely[c] = False
            for word in range(width // 8 + 1):
                if words[word] == 0:
                    continue
                for c in range(8 * word, 8 * word + 8):
                    if likely[c] and stands_alone(
                        pixels, r, c, first, width, noise[c], sigmas, share, around
                    ):
                        out[r, first + c] |= np.int32(bit)
