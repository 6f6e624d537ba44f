"""Medians of short runs of numbers, in place, without allocation."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.types import Array

__all__ = ["MAD_TO_SIGMA", "median_and_scatter", "median_in_place", "ranked_of_rows"]

MAD_TO_SIGMA = 1.4826
"""Standard deviation of normal noise over its median absolute deviation."""


@plain_kernel
def median_in_place(values: Array, count: int) -> float:
    """Median of the first numbers of an array, which is put in another order.

    Parameters
    ----------
    values : ndarray
        (n,) float32 or float64 without NaN among those; put in another order.
    count : int
        How many count.

    Returns
    -------
    float
        Median; NaN of none.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.medians import median_in_place
    >>> median_in_place(np.array([3.0, 1.0, 2.0, 99.0]), 3)
    2.0
    """
    if count == 0:
        return np.nan
    target = count // 2
    low, high = 0, count
    while True:  # what stands at the target becomes the pivot, until it is in its place
        pivot = values[target]
        # Smaller ones to the front, without a branch that the processor could mispredict.
        split = low
        for k in range(low, high):
            value = values[k]
            values[k] = values[split]
            values[split] = value
            split += value < pivot
        if target < split:
            high = split
        elif split > low:
            low = split
        else:  # the pivot is the least of them: all that equal it come next
            for k in range(low, high):
                value = values[k]
                values[k] = values[split]
                values[split] = value
                split += value == pivot
            if target < split:
                break
            low = split
    middle = float(values[target])
    if count % 2 == 0:
        below = float(values[0])
        for k in range(1, target):
            below = max(below, float(values[k]))
        middle = 0.5 * (middle + below)
    return middle


@kernel
def median_and_scatter(values: Array, count: int) -> tuple[float, float]:
    """Median, and 1.4826 times the median distance from it, of the first numbers of an array.

    Parameters
    ----------
    values : ndarray
        (n,) float64 without NaN among those; overwritten.
    count : int
        How many count.

    Returns
    -------
    median : float
        Median.
    scatter : float
        Standard deviation that normal numbers of that spread would have.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.medians import median_and_scatter
    >>> median_and_scatter(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), 5)
    (3.0, 1.4826)
    """
    middle = median_in_place(values, count)
    for k in range(count):
        values[k] = abs(values[k] - middle)
    return middle, MAD_TO_SIGMA * median_in_place(values, count)


@kernel
def ranked_of_rows(keys: Array, place: int, out: Array) -> None:
    """Fill `out` with the number at a place of each row, were it sorted, by halving their range.

    `keys`: (rows, n) int32 or int64; `out`: (rows,) of the same type.  Counting those under a limit
    takes no branches, so that many rounds of it are quicker than a selection.
    """
    for r in range(keys.shape[0]):
        row = keys[r]
        least, most = row[0], row[0]
        for c in range(1, row.size):
            least, most = min(least, row[c]), max(most, row[c])
        low, high = np.int64(least), np.int64(most)
        while low < high:
            # Their difference may be more than a signed number holds.
            middle = low + np.int64((np.uint64(high) - np.uint64(low)) >> np.uint64(1))
            limit = row.dtype.type(middle)
            under = 0
            for c in range(row.size):
                under += row[c] <= limit
            if under > place:
                high = middle
            else:
                low = middle + np.int64(1)
        out[r] = low
