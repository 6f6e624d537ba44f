"""Centroids of stars in stamps.

Positions are offsets from the middle pixel of the stamp, in pixels along columns (x) and rows (y).
The background under a star is a plane: a level at the middle pixel and two slopes.
"""

from __future__ import annotations

import math

import numpy as np

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Array

__all__ = [
    "mean_centroid",
    "mean_centroids",
    "soft_centroid",
    "windowed_centroid",
    "windowed_centroids",
]


@plain_kernel
def mean_centroid(
    stamp: Array, half: int, level: float, slope_x: float, slope_y: float
) -> tuple[float, float, float]:
    """Flux-weighted mean position in a square around the middle pixel.

    ``x = sum(f * x) / sum(f)``; 5 x 5 (`half` 2) is what TICA calls the position of a star.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    half : int
        Half side of the square, without its middle.
    level : float
        Background at the middle pixel.
    slope_x, slope_y : float
        Slopes of the background along columns and rows, per pixel.

    Returns
    -------
    x, y : float
        Offset from the middle pixel; NaN where the flux is not above 0.
    flux : float
        Sum over the square, background taken off.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.centroid import mean_centroid
    >>> x = np.arange(11) - 5.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> x, y, flux = mean_centroid(star, 5, 0.0, 0.0, 0.0)
    >>> round(x, 3), round(y, 3)
    (0.25, -0.5)
    """
    middle = len(stamp) // 2
    total = sum_x = sum_y = 0.0
    for i in range(-half, half + 1):
        under = level + slope_y * i
        for j in range(-half, half + 1):
            value = stamp[middle + i, middle + j] - under - slope_x * j
            total += value
            sum_x += value * j
            sum_y += value * i
    if total > 0.0:
        return sum_x / total, sum_y / total, total
    return np.nan, np.nan, total


@plain_kernel
def mean_centroids(stamps: Array, half: int, level: Array) -> tuple[Array, Array, Array]:
    """`mean_centroid` of many stamps.

    Parameters
    ----------
    stamps : ndarray
        (n, side, side) float64, side odd; not modified.
    half : int
        Half side of the square, without its middle.
    level : ndarray
        (n,) float64, background of each.

    Returns
    -------
    x, y : ndarray
        (n,) float64.
    flux : ndarray
        (n,) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.centroid import mean_centroids
    >>> x = np.arange(11) - 5.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> x, y, flux = mean_centroids(np.stack([star, star.T]), 5, np.zeros(2))
    >>> x.round(3), y.round(3)
    (array([ 0.25, -0.5 ]), array([-0.5 ,  0.25]))
    """
    n = len(stamps)
    x, y, flux = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        x[k], y[k], flux[k] = mean_centroid(stamps[k], half, level[k], 0.0, 0.0)
    return x, y, flux


@kernel
def soft_centroid(
    stamp: Array,
    background: tuple[float, float, float],
    middle: tuple[float, float],
    aperture: tuple[float, float, bool],
) -> tuple[float, float]:
    """Flux-weighted mean position in an aperture with a soft edge around any place.

    Where the aperture ends the weight of a pixel falls from 1 to 0 by ``t**2 * (3 - 2 t)``: no
    pixel is in or out, so that the answer does not jump with the place within the pixel.

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    background : tuple of float
        At the middle pixel; its slopes along columns and rows, per pixel.
    middle : tuple of float
        Place of the aperture along columns and rows, offset from the middle pixel.
    aperture : tuple of float, float, bool
        Radius, or half side, where the weight is about a half; width of the edge; whether it is
        round.

    Returns
    -------
    x, y : float
        Offset from the middle pixel; NaN where the flux is not above 0 or a pixel is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.centroid import soft_centroid
    >>> x = np.arange(13) - 6.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> x, y = soft_centroid(star, (0.0, 0.0, 0.0), (0.25, -0.5), (4.5, 1.6, True))
    >>> round(x, 3), round(y, 3)
    (0.25, -0.5)
    """
    level, slope_x, slope_y = background
    at_x, at_y = middle
    radius, edge, is_round = aperture
    half = min(len(stamp) // 2, math.ceil(radius + 0.5 * edge + max(abs(at_x), abs(at_y))))
    first, side = len(stamp) // 2 - half, 2 * half + 1
    outer = radius + 0.5 * edge
    far, span = outer * outer, 2.0 * radius * edge
    across, squares = np.empty(side), np.empty(side)
    light, moment = np.zeros(side), np.zeros(side)
    for j in range(side):
        squares[j] = (j - half - at_x) ** 2
        t = min(max((far - squares[j]) / span, 0.0), 1.0)
        across[j] = t * t * (3.0 - 2.0 * t)
    # Column by column in one go, so that the processor takes several side by side.
    for i in range(side):
        dy = i - half - at_y
        under = level + slope_y * (i - half)
        row = stamp[first + i, first : first + side]
        if is_round:
            for j in range(side):
                t = min(max((far - dy * dy - squares[j]) / span, 0.0), 1.0)
                value = t * t * (3.0 - 2.0 * t) * (row[j] - under - slope_x * (j - half))
                light[j] += value
                moment[j] += value * dy
        else:
            t = min(max((far - dy * dy) / span, 0.0), 1.0)
            weight = t * t * (3.0 - 2.0 * t)
            for j in range(side):
                value = weight * across[j] * (row[j] - under - slope_x * (j - half))
                light[j] += value
                moment[j] += value * dy
    total = sum_x = sum_y = 0.0
    for j in range(side):
        total += light[j]
        sum_x += light[j] * (j - half - at_x)
        sum_y += moment[j]
    if total > 0.0:
        return at_x + sum_x / total, at_y + sum_y / total
    return np.nan, np.nan


@plain_kernel
def windowed_centroid(
    stamp: Array,
    half: int,
    background: tuple[float, float, float],
    start: tuple[float, float],
    sigma: float,
    rounds: int,
    tolerance: float,
) -> tuple[float, float, int]:
    """Centroid in a Gaussian window that moves until it stands on the star.

    With weights ``w = exp(-r**2 / (2 sigma**2))`` around the place, the weighted mean offset of
    the flux is 0 at the answer.  Each round moves by that mean divided by ``1 - m / sigma**2``,
    m being the weighted variance: for a Gaussian star this lands on it in one step, and nearly so
    for others.  (Same answer as the windowed positions of Bertin & Arnouts 1996.)

    Parameters
    ----------
    stamp : ndarray
        (side, side) float64, side odd; not modified.
    half : int
        Half side of the square that is looked at.
    background : tuple of float
        At the middle pixel; its slopes along columns and rows, per pixel.
    start : tuple of float
        First guess along columns and rows, offset from the middle pixel.
    sigma : float
        Standard deviation of the window, pixels.
    rounds : int
        Most rounds.
    tolerance : float
        A round that moves less, pixels, is the last.

    Returns
    -------
    x, y : float
        Offset from the middle pixel; NaN where the light in the window is not above 0.
    steps : int
        Rounds that it took; -1 where it did not settle within the square.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.centroid import windowed_centroid
    >>> x = np.arange(11) - 5.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> x, y, steps = windowed_centroid(star, 5, (0.0, 0.0, 0.0), (0.0, 0.0), 1.5, 25, 1e-6)
    >>> round(x, 3), round(y, 3), steps
    (0.25, -0.5, 3)
    """
    level, slope_x, slope_y = background
    first, side = len(stamp) // 2 - half, 2 * half + 1
    weight, weight_y = np.empty(side), np.empty(side)
    scale = -0.5 / (sigma * sigma)
    x, y = start
    for step in range(1, rounds + 1):
        _fill_gaussian(weight, half, x, scale)
        _fill_gaussian(weight_y, half, y, scale)
        total = sum_x = sum_y = sum_xx = sum_yy = 0.0
        for i in range(side):
            dy = i - half - y
            under = level + slope_y * (i - half)
            row = row_x = row_xx = 0.0
            for j in range(side):
                dx = j - half - x
                value = weight[j] * (stamp[first + i, first + j] - under - slope_x * (j - half))
                row += value
                row_x += value * dx
                row_xx += value * dx * dx
            total += weight_y[i] * row
            sum_x += weight_y[i] * row_x
            sum_xx += weight_y[i] * row_xx
            sum_y += weight_y[i] * dy * row
            sum_yy += weight_y[i] * dy * dy * row
        if not total > 0.0:
            return np.nan, np.nan, -1
        mean_x, mean_y = sum_x / total, sum_y / total
        shrink_x = (sum_xx / total - mean_x * mean_x) / (sigma * sigma)
        shrink_y = (sum_yy / total - mean_y * mean_y) / (sigma * sigma)
        move_x = mean_x / (1.0 - min(max(shrink_x, 0.0), 0.6))
        move_y = mean_y / (1.0 - min(max(shrink_y, 0.0), 0.6))
        x += move_x
        y += move_y
        if not (abs(x) <= half and abs(y) <= half):
            return x, y, -1
        if abs(move_x) < tolerance and abs(move_y) < tolerance:
            return x, y, step
    return x, y, -1


@formula
def _fill_gaussian(out: Array, half: int, place: float, scale: float) -> None:
    """Fill `out` with ``exp(scale * (j - half - place)**2)``: each is its neighbour's, outwards."""
    ratio = math.exp(2.0 * scale)
    out[half] = math.exp(scale * place * place)
    for way in (-1, 1):
        step = math.exp(scale * (1.0 - 2.0 * way * place))
        for j in range(1, half + 1):
            out[half + way * j] = out[half + way * (j - 1)] * step
            step *= ratio


@plain_kernel
def windowed_centroids(
    stamps: Array,
    level: Array,
    start_x: Array,
    start_y: Array,
    sigma: float,
    rounds: int,
    tolerance: float,
) -> tuple[Array, Array, Array]:
    """`windowed_centroid` of many stamps.

    Parameters
    ----------
    stamps : ndarray
        (n, side, side) float64, side odd; not modified.
    level : ndarray
        (n,) float64, background of each.
    start_x, start_y : ndarray
        (n,) float64, first guesses.
    sigma : float
        Standard deviation of the window, pixels.
    rounds : int
        Most rounds.
    tolerance : float
        A round that moves less, pixels, is the last.

    Returns
    -------
    x, y : ndarray
        (n,) float64.
    steps : ndarray
        (n,) int64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.centroid import windowed_centroids
    >>> x = np.arange(11) - 5.0
    >>> star = 1000.0 * np.exp(-0.5 * ((x - 0.25) ** 2 + (x[:, np.newaxis] + 0.5) ** 2))
    >>> none = np.zeros(2)
    >>> x, y, steps = windowed_centroids(np.stack([star, star.T]), none, none, none, 1.5, 25, 1e-6)
    >>> x.round(3), y.round(3)
    (array([ 0.25, -0.5 ]), array([-0.5 ,  0.25]))
    """
    n = len(stamps)
    x, y = np.empty(n), np.empty(n)
    steps = np.empty(n, dtype=np.int64)
    for k in range(n):
        half = len(stamps[k]) // 2
        background, start = (level[k], 0.0, 0.0), (start_x[k], start_y[k])
        x[k], y[k], steps[k] = windowed_centroid(
            stamps[k], half, background, start, sigma, rounds, tolerance
        )
    return x, y, steps
