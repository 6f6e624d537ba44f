"""Small square pieces of an image: cutting, background, neighbours; one piece or many at once.

A stamp is square with an odd side; its middle pixel is the star's place to the nearest pixel.
Places are 0-based indices here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.kernels.compile import formula, plain_kernel
from tica_fn.kernels.medians import median_and_scatter, median_in_place
from tica_fn.kernels.types import Array

__all__ = [
    "cell_medians",
    "cut_stamp",
    "cut_stamps",
    "isolation_of",
    "ring_background",
    "ring_values",
    "summary_of",
]


@plain_kernel
def cut_stamp(
    pixels: Array, column: int, row: int, first: int, last: int, top: int, out: Array
) -> None:
    """Copy the square around one place; NaN outside.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    column, row : int
        The place, 0-based.
    first, last : int
        Columns that may be seen, half-open, 0-based.
    top : int
        One past the last row that may be seen.
    out : ndarray
        (side, side) float64, side odd.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import cut_stamp
    >>> pixels, stamp = np.arange(20.0).reshape(4, 5), np.empty((3, 3))
    >>> cut_stamp(pixels, 1, 3, 0, 5, 4, stamp)
    >>> stamp
    array([[10., 11., 12.],
           [15., 16., 17.],
           [nan, nan, nan]])
    """
    height, width = min(top, pixels.shape[0]), min(last, pixels.shape[1])
    side = len(out)
    bottom, left = row - side // 2, column - side // 2
    c0 = max(left, first)
    c1 = max(min(left + side, width), c0)
    # Setting a slice at once would take longer to compile than all else here.
    for i in range(side):
        of_row = out[i]
        for j in range(side):
            of_row[j] = np.nan
    for i in range(max(-bottom, 0), min(height - bottom, side)):
        of_row, seen = out[i, c0 - left : c1 - left], pixels[bottom + i, c0:c1]
        for j in range(seen.size):
            of_row[j] = seen[j]


@plain_kernel
def cut_stamps(
    pixels: Array, columns: Array, rows: Array, half: int, first: int, last: int, top: int
) -> Array:
    """Copy the squares around many places; NaN outside.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    columns, rows : ndarray
        (n,) int64, the places, 0-based.
    half : int
        Half side of a square, without its middle.
    first, last : int
        Columns that may be seen, half-open, 0-based.
    top : int
        One past the last row that may be seen.

    Returns
    -------
    ndarray
        (n, 2 * half + 1, 2 * half + 1) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import cut_stamps
    >>> pixels = np.arange(20.0).reshape(4, 5)
    >>> cut_stamps(pixels, np.array([1, 3]), np.array([1, 2]), 1, 0, 5, 4)[:, 1]
    array([[ 5.,  6.,  7.],
           [12., 13., 14.]])
    """
    stamps = np.empty((columns.size, 2 * half + 1, 2 * half + 1))
    for k in range(columns.size):
        cut_stamp(pixels, columns[k], rows[k], first, last, top, stamps[k])
    return stamps


@plain_kernel
def cell_medians(
    pixels: Array, first_row: int, first_column: int, cell: int, count: int, step: int
) -> Array:
    """Medians of a square grid of cells: the large-scale background.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    first_row, first_column : int
        Where the first cell begins, 0-based.
    cell : int
        Side of a cell, pixels.
    count : int
        Cells along each side.
    step : int
        Distance of the rows and columns that are looked at; 1 for all.

    Returns
    -------
    ndarray
        (count, count) float64; NaN where no pixel is finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import cell_medians
    >>> cell_medians(np.arange(16.0).reshape(4, 4), 0, 0, 2, 2, 1)
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    out = np.empty((count, count))
    values = np.empty(cell * cell)
    for i in range(count):
        for j in range(count):
            n: Any = np.int64(0)
            for row in range(first_row + i * cell, first_row + (i + 1) * cell, step):
                for column in range(first_column + j * cell, first_column + (j + 1) * cell, step):
                    value = float(pixels[row, column])
                    if np.isfinite(value):
                        values[n] = value
                        n += 1
            out[i, j] = median_in_place(values, n)
    return out


@plain_kernel
def ring_values(stamp: Array, half: int, width: int, out: Array) -> int:
    """Gather the finite pixels of a square ring around the middle of a stamp.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    half : int
        Half side of the ring's outer square, without its middle.
    width : int
        Width of the ring.
    out : ndarray
        (n,) float64 of at least the ring's size; its first values are filled.

    Returns
    -------
    int
        How many there are.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import ring_values
    >>> values = np.empty(9)
    >>> count = ring_values(np.arange(9.0).reshape(3, 3), 1, 1, values)
    >>> values[:count]
    array([0., 1., 2., 3., 5., 6., 7., 8.])
    """
    first, last = len(stamp) // 2 - half, len(stamp) // 2 + half
    hole, beyond = first + width, last - width + 1
    count = 0
    for i in range(first, last + 1):
        j = first
        while j <= last:
            if j == hole and hole <= i < beyond:
                j = beyond  # over the pixels within the ring
                continue
            value = stamp[i, j]
            if np.isfinite(value):
                out[count] = value
                count += 1
            j += 1
    return count


@plain_kernel
def ring_background(stamps: Array, width: int) -> tuple[Array, Array]:
    """Median and scatter of the outermost pixels of each stamp.

    Parameters
    ----------
    stamps : ndarray
        (n, side, side) float64, side odd; not modified.
    width : int
        Width of the ring.

    Returns
    -------
    median : ndarray
        (n,) float64; NaN where fewer than half of the pixels are finite.
    scatter : ndarray
        (n,) float64, 1.4826 times the median deviation.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import ring_background
    >>> stamps = np.random.default_rng(1).normal(100.0, 3.0, (1, 21, 21))
    >>> stamps[0, 10, 10] = 1e5
    >>> median, scatter = ring_background(stamps, 4)
    >>> median.round(), scatter.round()
    (array([100.]), array([3.]))
    """
    n, side, _ = stamps.shape
    median, scatter = np.empty(n), np.empty(n)
    size = side * side - (side - 2 * width) ** 2
    values = np.empty(side * side)
    for k in range(n):
        count = ring_values(stamps[k], side // 2, width, values)
        if 2 * count < size:
            median[k] = scatter[k] = np.nan
        else:
            median[k], scatter[k] = median_and_scatter(values, count)
    return median, scatter


@plain_kernel
def isolation_of(
    stamp: Array, half: int, level: float, floor: float, wing_factor: float
) -> tuple[bool, float, float]:
    """Tell whether a star stands alone, from the sums over rows and over columns of its square.

    In each of the two profiles the peak is the largest of the middle five values and the wings
    are the largest of the first three and of the last three.  A star is isolated when in both
    profiles the peak stands at least `floor` above the lower wing, and no wing exceeds
    ``peak - wing_factor * (peak - lower wing)``.  (TICA 1.4's test.)

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    half : int
        Half side of the square, without its middle.
    level : float
        Background.
    floor : float
        Least height of the peak above the lower wing.
    wing_factor : float
        See above.

    Returns
    -------
    alone : bool
        Whether it is isolated.
    contrast_x, contrast_y : float
        Peak over the higher wing in each profile; infinite where no wing is above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import isolation_of
    >>> x = np.arange(11) - 5.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> isolation_of(star, 5, 0.0, 10.0, 0.9)[0]
    True
    """
    start, side = len(stamp) // 2 - half, 2 * half + 1
    along, across = np.zeros(side), np.zeros(side)
    for i in range(side):
        for j in range(side):
            value = stamp[start + i, start + j] - level
            along[j] += value
            across[i] += value
    alone_x, contrast_x = _stands_alone(along, half, floor, wing_factor)
    alone_y, contrast_y = _stands_alone(across, half, floor, wing_factor)
    return alone_x and alone_y, contrast_x, contrast_y


@formula
def _stands_alone(
    profile: Array, half: int, floor: float, wing_factor: float
) -> tuple[bool, float]:
    """`isolation_of` in one profile: the verdict, and the peak over the higher wing."""
    total = 0.0
    for value in profile:
        total += value
    if not np.isfinite(total):
        return False, 0.0
    peak, last = profile[half - 2], profile.size - 3
    for k in range(half - 1, half + 3):
        peak = max(peak, profile[k])
    left, right = profile[0], profile[last]
    for k in range(1, 3):
        left, right = max(left, profile[k]), max(right, profile[last + k])
    low, high = min(left, right), max(left, right)
    alone = peak - low >= floor and high <= peak - wing_factor * (peak - low)
    return alone, peak / high if high > 0.0 else np.inf


@plain_kernel
def summary_of(stamp: Array, half: int) -> tuple[float, int, int]:
    """Brightest pixel, flatness of the top and finiteness of the middle of a stamp.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    half : int
        Half side of the square that is looked at.

    Returns
    -------
    peak : float
        Brightest finite value.
    plateau : int
        Number of pixels of at least 0.98 of it: more than a few where a star is saturated.
    missing : int
        Number of values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.stamps import summary_of
    >>> stamp = np.zeros((5, 5))
    >>> stamp[2, 1:4] = 1000.0, 990.0, np.nan
    >>> summary_of(stamp, 1)
    (1000.0, 2, 1)
    """
    middle = len(stamp) // 2
    peak = -np.inf
    plateau = missing = 0
    for i in range(middle - half, middle + half + 1):
        for j in range(middle - half, middle + half + 1):
            value = stamp[i, j]
            if np.isfinite(value):
                peak = max(peak, value)
            else:
                missing += 1
    for i in range(middle - half, middle + half + 1):
        for j in range(middle - half, middle + half + 1):
            if stamp[i, j] >= 0.98 * peak:
                plateau += 1
    return peak, plateau, missing
