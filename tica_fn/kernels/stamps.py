"""Small square pieces of an image: cutting, background, neighbours; one piece or many at once.

A stamp is square with an odd side; its middle pixel is the star's place to the nearest pixel.
Places are 0-based indices here.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.select import median_and_scatter, median_in_place
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


@kernel
def cut_stamp(
    pixels: Array, column: int, row: int, first: int, last: int, top: int, out: Array
) -> None:
    """Copy the square around one place; NaN outside.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    column, row : int
        Middle pixel, 0-based; may lie outside.
    first, last, top : int
        Columns before `first`, and columns and rows from `last` and `top` on, count as outside.
    out : ndarray
        (side, side) float64, filled.
    """
    height, width = min(top, pixels.shape[0]), min(last, pixels.shape[1])
    side = len(out)
    bottom, left = row - side // 2, column - side // 2
    c0 = max(left, first)
    c1 = max(min(left + side, width), c0)
    out[:] = np.nan
    for i in range(max(-bottom, 0), min(height - bottom, side)):
        out[i, c0 - left : c1 - left] = pixels[bottom + i, c0:c1]


@kernel
def cut_stamps(
    pixels: Array, columns: Array, rows: Array, half: int, first: int, last: int, top: int
) -> Array:
    """Copy the squares around many places.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    columns, rows : ndarray
        (n,) int64: middle pixels, 0-based; may lie outside.
    half : int
        Pixels on each side of the middle one.
    first, last, top : int
        Columns before `first`, and columns and rows from `last` and `top` on, count as outside.

    Returns
    -------
    ndarray
        (n, 2 * half + 1, 2 * half + 1) float64; NaN outside.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stamps import cut_stamps
    >>> image = np.arange(12.0).reshape(3, 4)
    >>> cut_stamps(image, np.array([1]), np.array([0]), 1, 0, 4, 3)[0]
    array([[nan, nan, nan],
           [ 0.,  1.,  2.],
           [ 4.,  5.,  6.]])
    """
    stamps = np.empty((columns.size, 2 * half + 1, 2 * half + 1))
    for k in range(columns.size):
        cut_stamp(pixels, columns[k], rows[k], first, last, top, stamps[k])
    return stamps


@kernel
def cell_medians(
    pixels: Array, first_row: int, first_column: int, cell: int, count: int, step: int
) -> Array:
    """Medians of a square grid of cells: the large-scale background.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    first_row, first_column : int
        Corner of the first cell.
    cell : int
        Side of a cell in pixels.
    count : int
        Cells on each axis.
    step : int
        Take every so many pixels on each axis.

    Returns
    -------
    ndarray
        (count, count) float64; NaN for a cell without finite pixels.
    """
    out = np.empty((count, count))
    values = np.empty(cell * cell)
    for i in range(count):
        for j in range(count):
            n = 0
            for row in range(first_row + i * cell, first_row + (i + 1) * cell, step):
                for column in range(first_column + j * cell, first_column + (j + 1) * cell, step):
                    value = float(pixels[row, column])
                    if np.isfinite(value):
                        values[n] = value
                        n += 1
            out[i, j] = median_in_place(values, n)
    return out


@kernel
def ring_values(stamp: Array, half: int, width: int, out: Array) -> int:
    """Gather the finite pixels of a square ring around the middle of a stamp.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64; not modified.
    half : int
        Pixels from the middle to the ring's outer edge.
    width : int
        Width of the ring in pixels.
    out : ndarray
        Filled from its start; long enough for the ring.

    Returns
    -------
    int
        Number of finite pixels.
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


@kernel
def ring_background(stamps: Array, width: int) -> tuple[Array, Array]:
    """Median and scatter of the outermost pixels of each stamp.

    Parameters
    ----------
    stamps : ndarray
        (n, side, side) float64.
    width : int
        Width of the ring in pixels.

    Returns
    -------
    median : ndarray
        (n,) float64; NaN where fewer than half of the ring's pixels are finite.
    scatter : ndarray
        (n,) float64: 1.4826 times the median absolute deviation.
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


@kernel
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
        (side, side) float64; not modified.
    half : int
        Half side of the square, 5 for TICA's 11 x 11.
    level : float
        Background, subtracted.
    floor : float
        Least height of the peak.
    wing_factor : float
        0.9 in TICA.

    Returns
    -------
    isolated : bool
        False where a pixel is not finite.
    contrast_x, contrast_y : float
        Peak over the higher wing in the profile along columns and along rows; infinite where
        there is no wing above zero, 0 where a pixel is not finite.
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


@kernel
def _stands_alone(
    profile: Array, half: int, floor: float, wing_factor: float
) -> tuple[bool, float]:
    """`isolation_of` in one profile: the verdict, and the peak over the higher wing."""
    if not np.isfinite(np.sum(profile)):
        return False, 0.0
    peak = np.max(profile[half - 2 : half + 3])
    left, right = np.max(profile[:3]), np.max(profile[-3:])
    low, high = min(left, right), max(left, right)
    alone = peak - low >= floor and high <= peak - wing_factor * (peak - low)
    return alone, peak / high if high > 0.0 else np.inf


@kernel
def summary_of(stamp: Array, half: int) -> tuple[float, int, int]:
    """Brightest pixel, flatness of the top and finiteness of the middle of a stamp.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64; not modified.
    half : int
        Half side of the middle square that is looked at.

    Returns
    -------
    peak : float
        Largest value; minus infinity when none is finite.
    plateau : int
        Pixels within 2 % of the largest value: one to four in a star that does not saturate.
    missing : int
        Pixels that are not finite.
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
