"""Shift search: boxes around predicted places, stacked so that the common offset stands out."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.medians import median_and_scatter
from tica_fn.kernels.stars.stamps import cut_stamp, ring_values
from tica_fn.kernels.types import Array

__all__ = ["find_peaks", "stack_boxes"]


@kernel
def stack_boxes(
    pixels: Array,
    columns: Array,
    rows: Array,
    half: int,
    first: int,
    last: int,
    top: int,
    half_point: float,
) -> Array:
    """Mean over boxes of how far each pixel stands out, in which no single star can dominate.

    A pixel that stands s times the scatter of its box above the box's median counts
    ``s / (s + half_point)``, less than 1 however bright it is; one that is not finite counts
    nothing.  Median and scatter are those of all pixels but the middle one.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    columns, rows : ndarray
        (n,) int64, the boxes' middles, 0-based.
    half : int
        Half side of a box, without its middle.
    first, last : int
        Columns that may be seen, half-open, 0-based.
    top : int
        One past the last row that may be seen.
    half_point : float
        Scatters at which a pixel counts one half.

    Returns
    -------
    ndarray
        (2 * half + 1, 2 * half + 1) float64, 0 to 1; boxes with fewer than half of their pixels are
        left out.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stacked_boxes import stack_boxes
    >>> pixels = np.random.default_rng(1).normal(0.0, 1.0, (5, 12))
    >>> pixels[2, 3] = pixels[2, 9] = 1000.0  # one column right of the places
    >>> stack_boxes(pixels, np.array([2, 8]), np.array([2, 2]), 2, 0, 12, 5, 20.0)[2].argmax()
    np.int64(3)
    """
    side = 2 * half + 1
    out = np.zeros((side, side))
    box, values = np.empty((side, side)), np.empty(side * side)
    used = 0
    for k in range(columns.size):
        cut_stamp(pixels, columns[k], rows[k], first, last, top, box)
        count = ring_values(box, half, half, values)
        if 2 * count < side * side - 1:
            continue
        level, scatter = median_and_scatter(values, count)
        used += 1
        noise = max(scatter, 1e-6 * abs(level), 1e-9)
        for i in range(side):
            for j in range(side):
                s = (box[i, j] - level) / noise
                if 0.0 < s < np.inf:
                    out[i, j] += s / (s + half_point)
    for i in range(side):
        for j in range(side):
            out[i, j] /= max(used, 1)
    return out


@plain_kernel
def find_peaks(stamps: Array, reach: int) -> tuple[Array, Array, Array]:
    """Brightest finite pixel near the middle of each stamp, to a fraction of a pixel.

    A parabola through the pixel and its two neighbours tells the fraction, along each axis.

    Parameters
    ----------
    stamps : ndarray
        (n, side, side) float64, side odd; not modified.
    reach : int
        Distance from the middle to look within, pixels.

    Returns
    -------
    x, y : ndarray
        (n,) float64, offset from the middle pixel; NaN where there is none with finite neighbours.
    peak : ndarray
        (n,) float64, the brightest value.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stacked_boxes import find_peaks
    >>> stamps = np.zeros((1, 5, 5))
    >>> stamps[0, 2, 2:4] = 80.0, 100.0
    >>> x, y, peak = find_peaks(stamps, 1)
    >>> x.round(2), y, peak
    (array([0.67]), array([0.]), array([100.]))
    """
    n, side = stamps.shape[0], stamps.shape[1]
    half = side // 2
    x, y, peak = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        x[k] = y[k] = peak[k] = np.nan
        best = -np.inf
        row = column = -1
        for i in range(half - reach, half + reach + 1):
            for j in range(half - reach, half + reach + 1):
                if best < stamps[k, i, j] < np.inf:
                    best, row, column = stamps[k, i, j], i, j
        if row < 1 or column < 1 or row > side - 2 or column > side - 2:
            continue
        left, right = stamps[k, row, column - 1], stamps[k, row, column + 1]
        down, up = stamps[k, row - 1, column], stamps[k, row + 1, column]
        bend_x, bend_y = left + right - 2.0 * best, down + up - 2.0 * best
        if not (np.isfinite(bend_x) and np.isfinite(bend_y)):
            continue
        peak[k] = best
        x[k] = column - half + (0.5 * (left - right) / bend_x if bend_x < 0.0 else 0.0)
        y[k] = row - half + (0.5 * (down - up) / bend_y if bend_y < 0.0 else 0.0)
    return x, y, peak
