"""Smear of columns whose smear rows are contaminated by a bleeding star.

The true smear is the same in all rows of a column.  Where a star bleeds over the buffer into the
smear rows, these fall off away from it, or are full.  Such a column's smear is then read off its
background: in rows without a bright star the pixel and its unspoilt neighbours see the same sky, so

    smear[c] = level of (e[r, c] - flat[r, c] sky[r])

`level` being the centre of the lower part of the values, which faint stars do not reach.

Source: the idea of White and Pope's recalibration of bright TESS stars (``mundey``), for whole
columns and neighbours.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.kernels.types import Array, Image, Vector

__all__ = ["background_level", "fall_off", "median_light"]

_ENDS = 3
_MOST_TURNS = 50
_CLIP = 3.0


@plain_kernel
def fall_off(pixels: Image, out: Vector) -> None:
    """Fill `out` with how far each column falls: mean of its first three rows less its last three.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron: smear rows, at least three; not modified.
    out : ndarray
        (columns,) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import fall_off
    >>> rows, fall = np.array([[9.0, 5.0]] * 3 + [[3.0, 5.0]] * 4), np.empty(2)
    >>> fall_off(rows, fall)
    >>> fall
    array([6., 0.])
    """
    last = pixels.shape[0] - _ENDS
    for c in range(pixels.shape[1]):
        difference = 0.0
        for r in range(_ENDS):
            difference += pixels[r, c] - pixels[last + r, c]
        out[c] = difference / _ENDS


@formula
def middle_of_sorted(values: Vector) -> float:
    """Median of numbers in rising or falling order, at least one."""
    half = values.size // 2
    return float(values[half] if values.size % 2 else 0.5 * (values[half - 1] + values[half]))


@kernel
def median_light(electrons: Image, flat: Image, smear: Vector, columns: Array, out: Vector) -> None:
    """Fill `out` with the median light of some columns, row by row; NaN where one is no number.

    `electrons`, `flat`: (rows, columns) float64; `smear`: (n,) float64 of the n columns, at least
    one, whose places are (n,) int64.
    """
    count, rows = columns.size, electrons.shape[0]
    light = np.empty((count, rows))
    odd = np.zeros(rows, dtype=np.bool_)
    for k in range(count):
        c, row = columns[k], light[k]
        for r in range(rows):
            row[r] = (electrons[r, c] - smear[k]) / flat[r, c]
            odd[r] |= np.isnan(row[r])
    # Neighbours are put in order until all are: of all rows at once, without branches.
    for turn in range(count):
        for k in range(turn % 2, count - 1, 2):
            low, high = light[k], light[k + 1]
            for r in range(rows):
                one, other = low[r], high[r]
                low[r] = one if one < other else other
                high[r] = other if one < other else one
    first, second = light[(count - 1) // 2], light[count // 2]
    for r in range(rows):
        middle = 0.5 * (first[r] + second[r]) if count % 2 == 0 else first[r]
        out[r] = np.nan if odd[r] else middle


@kernel
def background_level(ordered: Vector, out: Vector) -> int:
    """Find the level that most values scatter about, whatever lies above it.

    The median, then again and again the median of what lies within three standard deviations of
    it; the deviation is taken from the values below the median, and the one next to them, alone.

    Parameters
    ----------
    ordered : ndarray
        (n,) float64 in rising order, NaN at the end, which is left out; not modified.
    out : ndarray
        (2,) float64: level, and standard deviation about it; NaN where there is no value.

    Returns
    -------
    int
        Number of values that the level rests on.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import background_level
    >>> rng = np.random.default_rng(1)
    >>> sky, stars = rng.normal(100, 5, 900), rng.uniform(100, 5000, 100)
    >>> found = np.empty(2)
    >>> count = background_level(np.sort(np.append(sky, stars)), found)
    >>> count, found.round(1)
    (896, array([99.9,  5. ]))
    """
    count = ordered.size
    while count > 0 and np.isnan(ordered[count - 1]):
        count -= 1
    out[0] = np.nan
    out[1] = np.nan
    if count == 0:
        return 0
    ordered = kept = ordered[:count]
    for _ in range(_MOST_TURNS):
        middle = middle_of_sorted(kept)
        below = ordered[: np.searchsorted(ordered, middle) + 1]
        spread = MAD_TO_SIGMA * middle_of_sorted(middle - below)
        out[0] = middle
        out[1] = spread
        first = np.searchsorted(ordered, middle - _CLIP * spread)
        last = np.searchsorted(ordered, middle + _CLIP * spread, side="right")
        if last - first == kept.size or last - first < 1:
            break
        kept = ordered[first:last]
    return int(kept.size)
