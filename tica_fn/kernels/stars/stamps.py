"""Small square pieces of an image: cutting, background, neighbours; one piece or many at once.

A stamp is square with an odd side; its middle pixel is the star's place to the nearest pixel.
Places are 0-based indices here.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
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


@kernel
def cut_stamp(
    pixels: Array, column: int, row: int, first: int, last: int, top: int, out: Array
) -> None:
    """Copy the square around one place; NaN outside.

    `pixels`: (rows, columns) int32, float32 or float64; `out`: (side, side) float64, filled.
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

    `pixels`: (rows, columns) int32, float32 or float64; `columns, rows`: (n,) int64; gives (n, 2 *
    half + 1, 2 * half + 1) float64.
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

    `pixels`: (rows, columns) int32, float32 or float64; gives (count, count) float64.
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

    `stamp`: (side, side) float64.
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

    `stamps`: (n, side, side) float64; gives `median` (n,) float64; `scatter` (n,) float64.
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

    `stamp`: (side, side) float64.
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

    `stamp`: (side, side) float64.
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
