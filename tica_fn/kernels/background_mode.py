"""TICA's background mode: the fullest bin of a histogram over logarithms.

3,999 bins between 4,000 edges from 10**2.7 to 10**7.7 electrons; the value is the midpoint of the
fullest bin, the first of equals, and 0 where more than half of the pixels are under 500 electrons.

A pixel's bin is looked up by the leading bits of its float64 pattern: `_CELLS` has 512 cells an
octave, each narrower than a bin, so one comparison with the next edge settles the rest.

Source: TICA 1.4, the columns ``mode_ccd*`` of its ``cal_timeseries.txt``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tica_fn.kernels.big_endian import swapped
from tica_fn.kernels.compile import chosen_by_type, kernel
from tica_fn.kernels.types import Image, Table

__all__ = ["MODE_EDGES", "background_mode", "measure_levels"]

_SHIFT = 43
"""Bits of a float64 below the nine leading ones of its mantissa."""
_FAINT = 500.0
_HOT_STEP = 8

MODE_EDGES = np.logspace(2.7, 7.7, 4000)
"""(4000,) float64, electrons: edges of the bins."""
MODE_EDGES.setflags(write=False)
_LOW, _HIGH = float(MODE_EDGES[0]), float(MODE_EDGES[-1])
_FIRST = int(MODE_EDGES[:1].view(np.int64)[0] >> _SHIFT)


def _cells() -> Table:
    """Bin in which each cell begins; the first one may begin before the first edge."""
    last = int(MODE_EDGES[-1:].view(np.int64)[0] >> _SHIFT)
    starts = (np.arange(_FIRST, last + 1, dtype=np.int64) << _SHIFT).view(np.float64)
    bins = np.searchsorted(MODE_EDGES, starts, side="right") - 1
    return np.clip(bins, 0, len(MODE_EDGES) - 2)


_CELLS = _cells()
_CELLS.setflags(write=False)


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


@kernel
def _hot_share(pixels: Image) -> float:
    """Part of the pixels, of every eighth row, that stand out of their neighbours as no star."""
    hot, seen = 0, 0
    for row in range(_HOT_STEP // 2, pixels.shape[0] - 1, _HOT_STEP):
        for column in range(1, pixels.shape[1] - 1):
            seen += 1
            value = level(pixels, row, column)
            left, right = level(pixels, row, column - 1), level(pixels, row, column + 1)
            below, above = level(pixels, row - 1, column), level(pixels, row + 1, column)
            highest = max(max(left, right), max(below, above))
            lowest = min(min(left, right), min(below, above))
            middle = 0.5 * (left + right + below + above - highest - lowest)
            excess = value - middle
            if excess > 12.0 * np.sqrt(max(middle, 1.0)) and highest - middle < 0.2 * excess:
                hot += 1
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
    counts = np.zeros(len(MODE_EDGES) - 1, np.int64)
    faint, filled = 0, 0
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            value = level(pixels, row, column)
            filled += value >= full
            if value >= _LOW and value <= _HIGH:
                k = _CELLS[(np.float64(value).view(np.int64) >> _SHIFT) - _FIRST]
                counts[k + (k < len(MODE_EDGES) - 2 and value >= MODE_EDGES[k + 1])] += 1
            elif value < _FAINT:
                faint += 1
    part, hot = filled / max(pixels.size, 1), _hot_share(pixels)
    if 2 * faint > pixels.size:
        return 0.0, part, hot
    k = int(np.argmax(counts))
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
