"""Pixels that stand out: too much signal, runs of it along a column, single ones that shine alone.

Source: a star's light is spread over several pixels (the core of a TESS star puts at least 0.4 of
its brightest pixel into the next one); what a cosmic ray leaves is not.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Array, Image, Table, Vector

__all__ = ["isolated_pixels", "longest_runs", "peaks_of_row", "signal_flags"]


@kernel
def signal_flags(
    pixels: Image,
    flat: Image,
    flat_error: Image,
    smear: Vector,
    scale: Vector,
    limits: Image,
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
    smear : ndarray
        (columns,) float64, electron: what was subtracted, or zeros.
    scale : ndarray
        (columns,) float64: electrons in one unit of `pixels`; negative where the flat field was
        divided by, and is to be multiplied with.
    limits : ndarray
        (columns, 2) float64, electron: from where on a pixel is saturated, and above what its
        linearity is not known; infinite where that has no meaning.
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
    >>> limits = np.array([[100.0, np.inf]] * 3)
    >>> full = np.empty((1, 3), dtype=np.bool_)
    >>> signal_flags(
    ...     pixels,
    ...     flat,
    ...     no_error,
    ...     np.zeros(3),
    ...     np.ones(3),
    ...     limits,
    ...     np.array([0.5, 2.0, 0.1]),
    ...     np.array([1, 2, 4, 8]),
    ...     full,
    ...     quality,
    ... )
    >>> quality, full
    (array([[0, 1, 8]], dtype=int32), array([[False,  True, False]]))
    """
    per_error = 1 if flat_error.shape[0] > 1 else 0
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            f = float(flat[r, c])
            e = float(pixels[r, c]) * (scale[c] if scale[c] > 0 else -scale[c] * f) + smear[c]
            found = np.int64(0)
            full[r, c] = e >= limits[c, 0]
            if full[r, c]:
                found |= bits[0]
            if e > limits[c, 1]:
                found |= bits[1]
            wrong = f < flat_limits[0] or f > flat_limits[1]
            if wrong or not flat_error[r * per_error, c] <= flat_limits[2]:
                found |= bits[2]
            if np.isnan(e):
                found |= bits[3]
            out[r, c] |= np.int32(found)


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
    now = np.zeros(out.size, dtype=np.int64)
    out[:] = now
    for r in range(marked.shape[0]):
        for c in range(marked.shape[1]):
            now[c] = now[c] + 1 if marked[r, c] else 0
            out[c] = max(out[c], now[c])


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
    likely = np.empty(columns, dtype=np.bool_)
    for k in range(runs.shape[0]):
        first, last = runs[k, 0], runs[k, 1]
        width = last - first
        for r in range(rows):
            v, noise = pixels[r, first:last], variance[r, first:last]
            above = pixels[max(r - 1, 0), first:last]
            below = pixels[min(r + 1, rows - 1), first:last]
            peaks_of_row(v, noise, above, below, (1.0 - share) * sigmas, likely)
            for c in range(width):
                if not likely[c]:
                    continue
                count = 0
                for y in range(max(r - 1, 0), min(r + 2, rows)):
                    for x in range(max(c - 1, 0), min(c + 2, width)):
                        value = pixels[y, first + x]
                        if (y != r or x != c) and not np.isnan(value):
                            around[count] = value
                            count += 1
                if count < 3:
                    continue
                ordered = np.sort(around[:count])
                background = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
                excess = v[c] - background
                least = sigmas * np.sqrt(noise[c])
                if excess > least and ordered[count - 1] - background < share * excess:
                    out[r, first + c] |= np.int32(bit)
