"""Mean of a stack of frames, one frame at a time, without the values that are far off.

For each pixel, values ``v_i`` with weights ``w_i`` (the inverse of their variance, up to one factor
for the whole stack) are kept where

    |v_i - centre| sqrt(w_i) <= limit * spread

and the kept ones are summed by the weighted form of Welford's update:

    W += w;  mean += (v - mean) w / W;  m2 += w (v - old mean) (v - new mean)

so that ``m2 / (n - 1)`` is the variance of a value of unit weight and ``m2 / (n - 1) / W`` that of
the mean.  Memory is that of five images, whatever the length of the stack.

Sources: Welford 1962 (Technometrics 4, 419); West 1979 (CACM 22, 532) for weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image, Vector

__all__ = ["accumulate_clipped", "measure_spread", "median_and_deviation"]


@plain_kernel
def median_and_deviation(
    sample: Image, root_weight: Vector, centre: Image, deviation: Image
) -> None:
    """Fill in each pixel's median, and the median of its weighted absolute deviations.

    Parameters
    ----------
    sample : ndarray
        (frames, rows, columns) float32; not modified.  A pixel's NaN values are left out.
    root_weight : ndarray
        (frames,) float64, square root of each frame's weight.
    centre : ndarray
        (rows, columns) float64 that is filled with the medians; NaN where all values are.
    deviation : ndarray
        (rows, columns) float64 that is filled with the medians of
        ``|value - centre| * root_weight``.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import median_and_deviation
    >>> frames = np.array([1.0, 2.0, 9.0], dtype=np.float32).reshape(3, 1, 1)
    >>> centre, deviation = np.empty((1, 1)), np.empty((1, 1))
    >>> median_and_deviation(frames, np.ones(3), centre, deviation)
    >>> centre, deviation
    (array([[2.]]), array([[1.]]))
    """
    frames, rows, columns = sample.shape
    values = np.empty(frames)
    for r in range(rows):
        for c in range(columns):
            count: Any = np.int64(0)
            for i in range(frames):
                value = np.float64(sample[i, r, c])
                if not np.isnan(value):
                    count = _insert(values, count, value)
            middle = _middle(values, count)
            count = np.int64(0)
            for i in range(frames):
                value = abs(np.float64(sample[i, r, c]) - middle) * root_weight[i]
                if not np.isnan(value):
                    count = _insert(values, count, value)
            centre[r, c] = middle
            deviation[r, c] = _middle(values, count)


@formula
def _insert(values: Vector, count: int, value: float) -> int:
    """Put a value in its place among the first `count`, which are sorted; the new count."""
    place = count
    while place > 0 and values[place - 1] > value:
        values[place] = values[place - 1]
        place -= 1
    values[place] = value
    return count + 1


@formula
def _middle(values: Vector, count: int) -> float:
    """Median of the first `count` values, which are sorted."""
    if count == 0:
        return np.nan
    half = count // 2
    if count % 2 == 1:
        return float(values[half])
    return float(0.5 * (values[half - 1] + values[half]))


@kernel
def accumulate_clipped(
    pixels: Image,
    weight: float,
    centre: Image,
    reach: Image,
    count: Image,
    total: Image,
    mean: Image,
    m2: Image,
) -> None:
    """Add one frame's values, where they are near enough, to the running sums.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64; not modified.  NaN is never near enough.
    weight : float
        The frame's weight, above zero.
    centre : ndarray
        (rows, columns) float64, where values are expected; not modified.
    reach : ndarray
        (rows, columns) float64, how far a value of unit weight may be from there; not modified.
    count : ndarray
        (rows, columns) int32, values kept so far; updated.
    total, mean, m2 : ndarray
        (rows, columns) float64: sum of weights, mean, and weighted sum of squares about it of the
        values kept so far; updated.  The mean is best begun near the values, not at zero.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import accumulate_clipped
    >>> centre, reach = np.full((1, 2), 10.0), np.full((1, 2), 3.0)
    >>> count = np.zeros((1, 2), dtype=np.int32)
    >>> total, mean, m2 = np.zeros((1, 2)), np.full((1, 2), 10.0), np.zeros((1, 2))
    >>> for values in ([[10.0, 10.0]], [[12.0, 500.0]]):
    ...     accumulate_clipped(np.array(values), 1.0, centre, reach, count, total, mean, m2)
    >>> count, mean
    (array([[2, 1]], dtype=int32), array([[11., 10.]]))
    """
    root = np.sqrt(weight)
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            value = pixels[r, c]
            if abs(value - centre[r, c]) * root <= reach[r, c]:
                step = value - mean[r, c]
                total[r, c] += weight
                mean[r, c] += step * weight / total[r, c]
                m2[r, c] += weight * step * (value - mean[r, c])
                count[r, c] += 1


@kernel
def measure_spread(count: Image, m2: Image, shrink: float, floor: Image, out: Image) -> None:
    """Fill `out` with the standard deviation of a value of unit weight.

    Parameters
    ----------
    count : ndarray
        (rows, columns) int32, values kept; not modified.
    m2 : ndarray
        (rows, columns) float64, their weighted sum of squares about the mean; not modified.
    shrink : float
        Part of a normal distribution's variance that is left when it is clipped at the limit.
    floor : ndarray
        (rows, columns) float64, what to use where fewer than two values were kept; not modified.
    out : ndarray
        (rows, columns) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import measure_spread
    >>> count, m2 = np.array([[5, 1]], dtype=np.int32), np.array([[16.0, 0.0]])
    >>> out = np.empty((1, 2))
    >>> measure_spread(count, m2, 1.0, np.full((1, 2), 9.0), out)
    >>> out
    array([[2., 9.]])
    """
    for r in range(count.shape[0]):
        for c in range(count.shape[1]):
            if count[r, c] > 1:
                out[r, c] = np.sqrt(m2[r, c] / (count[r, c] - 1.0) / shrink)
            else:
                out[r, c] = floor[r, c]
