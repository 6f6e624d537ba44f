"""TICA's background mode: the fullest bin of a histogram over logarithms.

3,999 bins between 4,000 edges from 10**2.7 to 10**7.7 electrons; the value is the midpoint of the
fullest bin, the first of equals, and 0 where more than half of the pixels are under 500 electrons.

A pixel's bin is looked up by the leading bits of its float64 pattern: `cells` has 512 cells an
octave, each narrower than a bin, so one comparison with the next edge settles the rest.

Source: TICA 1.4, the columns ``mode_ccd*`` of its ``cal_timeseries.txt``.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Image, Table

__all__ = ["MODE_EDGES", "background_mode"]

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


@kernel
def background_mode(pixels: Image) -> float:
    """Level of the sky in an image, as TICA measures it.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64, electron per exposure: the science columns, all rows.
        NaN counts nowhere.

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
    counts = np.zeros(len(MODE_EDGES) - 1, np.int64)
    faint = 0
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            value = np.float64(pixels[row, column])
            if value >= _LOW and value <= _HIGH:
                k = _CELLS[(np.float64(value).view(np.int64) >> _SHIFT) - _FIRST]
                counts[k + (k < len(MODE_EDGES) - 2 and value >= MODE_EDGES[k + 1])] += 1
            elif value < _FAINT:
                faint += 1
    if 2 * faint > pixels.size:
        return 0.0
    k = int(np.argmax(counts))
    return float(0.5 * (MODE_EDGES[k] + MODE_EDGES[k + 1]))
