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
def measure_levels(pixels: Image, full: float) -> tuple[float, float, float]:
    """Level of the sky in an image, and how many of its pixels are full or bright.

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
    bright_share : float
        Part of the pixels in the bin 173 above the mode's, which begins at 1.64 x the mode, and
        above it; 0 without a mode.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import measure_levels
    >>> image = np.full((4, 5), 1000.0)
    >>> image[0] = 1700.0, 2000.0, 9e6, 1000.0, 1000.0
    >>> mode, full, bright = measure_levels(image, 5e6)
    >>> round(mode, 1), full, bright
    (998.7, 0.05, 0.15)
    """
    counts = np.zeros(len(MODE_EDGES) - 1, np.int64)
    faint, over, filled = 0, 0, 0
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            value = level(pixels, row, column)
            filled += value >= full
            if value >= _LOW and value <= _HIGH:
                k = _CELLS[(np.float64(value).view(np.int64) >> _SHIFT) - _FIRST]
                counts[k + (k < len(MODE_EDGES) - 2 and value >= MODE_EDGES[k + 1])] += 1
            elif value < _FAINT:
                faint += 1
            elif value > _HIGH:
                over += 1
    part = filled / max(pixels.size, 1)
    if 2 * faint > pixels.size:
        return 0.0, part, 0.0
    k = int(np.argmax(counts))
    bright = over
    for above in range(k + 173, len(counts)):
        bright += counts[above]
    return float(0.5 * (MODE_EDGES[k] + MODE_EDGES[k + 1])), part, bright / max(pixels.size, 1)


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
