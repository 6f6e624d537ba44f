"""TICA's background mode: the fullest bin of a histogram over logarithms.

3,999 bins between 4,000 edges from 10**2.7 to 10**7.7 electrons; the value is the midpoint of the
fullest bin, the first of equals, and 0 where more than half of the pixels are under 500 electrons.

A pixel's bin is looked up by the leading bits of its float64 pattern: `_CELLS` has 512 cells an
octave, each narrower than a bin, so one comparison with the next edge settles the rest.  Patterns
are compared as integers: those of positive numbers are in the numbers' order.

Source: TICA 1.4, the columns ``mode_ccd*`` of its ``cal_timeseries.txt``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tica_fn.kernels.big_endian import swapped
from tica_fn.kernels.compile import chosen_by_type, formula, kernel
from tica_fn.kernels.types import Image, Table

__all__ = ["MODE_EDGES", "background_mode", "measure_levels"]

_SHIFT = 43
"""Bits of a float64 below the nine leading ones of its mantissa."""
_FAINT = 500.0
_HOT_STEP = 8

MODE_EDGES = np.logspace(2.7, 7.7, 4000)
"""(4000,) float64, electrons: edges of the bins."""
MODE_EDGES.setflags(write=False)
_PATTERNS = MODE_EDGES.view(np.int64)
_LOW, _HIGH = int(_PATTERNS[0]), int(_PATTERNS[-1])
_FIRST = _LOW >> _SHIFT


def _cells() -> Table:
    """Bin in which each cell begins; the first one may begin before the first edge."""
    starts = np.arange(_FIRST, (_HIGH >> _SHIFT) + 1, dtype=np.int64) << _SHIFT
    bins = np.searchsorted(_PATTERNS, starts, side="right") - 1
    return np.clip(bins, 0, len(MODE_EDGES) - 2).astype(np.uint16)


def _next_edges() -> Table:
    """Pattern with which the bin after each one begins; the last one has none after it."""
    return np.append(_PATTERNS[1:-1], np.iinfo(np.int64).max)


_CELLS, _NEXT = _cells(), _next_edges()
_CELLS.setflags(write=False)
_NEXT.setflags(write=False)


def level(pixels: Image, row: int, column: int) -> float:
    """Value of a pixel; uint32 pixels are float32 words of a FITS file."""
    if pixels.dtype == np.uint32:
        return float(np.uint32(swapped(np.uint32(pixels[row, column]))).view(np.float32))
    return float(pixels[row, column])


@chosen_by_type(level)
def _level(pixels: Any, row: Any, column: Any) -> Any:  # noqa: ARG001
    if pixels.dtype == numba.uint32:

        def from_file(pixels: Any, row: Any, column: Any) -> Any:
            return np.float64(np.uint32(swapped(pixels[row, column])).view(np.float32))

        return from_file

    def native(pixels: Any, row: Any, column: Any) -> Any:
        return np.float64(pixels[row, column])

    return native


@formula
def _hot_share(pixels: Image) -> float:
    """Part of the pixels, of every eighth row, that stand out of their neighbours as no star."""
    hot, seen, width = 0, 0, pixels.shape[1]
    rows = np.empty((3, width))
    for row in range(_HOT_STEP // 2, pixels.shape[0] - 1, _HOT_STEP):
        for k in range(3):
            for column in range(width):
                rows[k, column] = level(pixels, row - 1 + k, column)
        for column in range(1, width - 1):
            seen += 1
            left, value, right = rows[1, column - 1], rows[1, column], rows[1, column + 1]
            below, above = rows[0, column], rows[2, column]
            highest = max(max(left, right), max(below, above))
            lowest = min(min(left, right), min(below, above))
            middle = 0.5 * (left + right + below + above - highest - lowest)
            excess = value - middle
            out = excess > 12.0 * np.sqrt(max(middle, 1.0))
            hot += out & (highest - middle < 0.2 * excess)
    return hot / max(seen, 1)


@kernel
def measure_levels(pixels: Image, full: float) -> tuple[float, float, float]:
    """Level of the sky in an image, and how many of its pixels are full or hot.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64, electron per exposure; or uint32, such float32 pixels
        as the words of a FITS file.  NaN counts nowhere.
    full : float
        Electrons per exposure from which on a pixel is full.

    Returns
    -------
    mode : float
        See `background_mode`.
    full_share : float
        Part of the pixels that are full.
    hot_share : float
        Part of the pixels, of every eighth row, that stand out of their four neighbours as no
        star does: by over 12 times the root of the neighbours' middle, and the brightest
        neighbour by under a fifth of that.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import measure_levels
    >>> image = np.full((10, 5), 1000.0)
    >>> image[0, 0], image[4, 2] = 9e6, 5000.0
    >>> mode, full, hot = measure_levels(image, 5e6)
    >>> round(mode, 1), full, round(hot, 3)
    (998.7, 0.02, 0.333)
    """
    counts = np.empty(len(MODE_EDGES) - 1, dtype=np.int64)
    for k in range(counts.size):
        counts[k] = 0
    faint, filled, width = 0, 0, pixels.shape[1]
    values = np.empty(width)
    # Loops over one row at a time, each of one kind, are done several pixels at once.
    for row in range(pixels.shape[0]):
        for column in range(width):
            values[column] = level(pixels, row, column)
        for column in range(width):
            filled += values[column] >= full
            faint += values[column] < _FAINT
        for column in range(width):
            pattern = np.float64(values[column]).view(np.int64)
            if pattern >= _LOW and pattern <= _HIGH:
                here = np.uint64(_CELLS[np.uint64((pattern >> _SHIFT) - _FIRST)])
                counts[here + np.uint64(pattern >= _NEXT[here])] += 1
    part, hot = filled / max(pixels.size, 1), _hot_share(pixels)
    if 2 * faint > pixels.size:
        return 0.0, part, hot
    k = 0
    for j in range(1, counts.size):
        k = j if counts[j] > counts[k] else k
    return float(0.5 * (MODE_EDGES[k] + MODE_EDGES[k + 1])), part, hot


@kernel
def background_mode(pixels: Image) -> float:
    """Level of the sky in an image, as TICA measures it.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64, electron per exposure: the science columns, all rows;
        or uint32, such float32 pixels as the words of a FITS file.  NaN counts nowhere.

    Returns
    -------
    float
        Midpoint of the fullest bin, electron per exposure; 0 where more than half of the pixels
        are under 500 electrons.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import background_mode
    >>> round(background_mode(np.array([[20000.0, 20001.0, 90000.0]])), 1)
    19999.8
    """
    return measure_levels(pixels, np.inf)[0]
