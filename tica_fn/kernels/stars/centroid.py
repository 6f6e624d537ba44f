"""Centroids of stars in stamps.

Positions are offsets from the middle pixel of the stamp, in pixels along columns (x) and rows (y).
The background under a star is a plane: a level at the middle pixel and two slopes.
"""

from __future__ import annotations

import math

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Array

__all__ = ["mean_centroid", "mean_centroids", "windowed_centroid", "windowed_centroids"]


@kernel
def mean_centroid(
    stamp: Array, half: int, level: float, slope_x: float, slope_y: float
) -> tuple[float, float, float]:
    """Flux-weighted mean position in a square around the middle pixel.

    ``x = sum(f * x) / sum(f)``; 5 x 5 (`half` 2) is what TICA calls the position of a star.

    `stamp`: (side, side) float64.
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


@kernel
def mean_centroids(stamps: Array, half: int, level: Array) -> tuple[Array, Array, Array]:
    """`mean_centroid` of many stamps.

    `stamps`: (n, side, side) float64; `level`: (n,) float64; gives `x, y` (n,) float64; `flux` (n,)
    float64.
    """
    n = len(stamps)
    x, y, flux = np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        x[k], y[k], flux[k] = mean_centroid(stamps[k], half, level[k], 0.0, 0.0)
    return x, y, flux


@kernel
def windowed_centroid(
    stamp: Array,
    half: int,
    level: float,
    slope_x: float,
    slope_y: float,
    start_x: float,
    start_y: float,
    sigma: float,
    rounds: int,
    tolerance: float,
) -> tuple[float, float, int]:
    """Centroid in a Gaussian window that moves until it stands on the star.

    With weights ``w = exp(-r**2 / (2 sigma**2))`` around the place, the weighted mean offset of
    the flux is 0 at the answer.  Each round moves by that mean divided by ``1 - m / sigma**2``,
    m being the weighted variance: for a Gaussian star this lands on it in one step, and nearly so
    for others.  (Same answer as the windowed positions of Bertin & Arnouts 1996.)

    `stamp`: (side, side) float64.
    """
    start, side = len(stamp) // 2 - half, 2 * half + 1
    weight = np.empty(side)
    scale = -0.5 / (sigma * sigma)
    x, y = start_x, start_y
    for step in range(1, rounds + 1):
        for j in range(side):
            weight[j] = math.exp(scale * (j - half - x) ** 2)
        total = sum_x = sum_y = sum_xx = sum_yy = 0.0
        for i in range(side):
            dy = i - half - y
            weight_y = math.exp(scale * dy * dy)
            under = level + slope_y * (i - half)
            row = row_x = row_xx = 0.0
            for j in range(side):
                dx = j - half - x
                value = weight[j] * (stamp[start + i, start + j] - under - slope_x * (j - half))
                row += value
                row_x += value * dx
                row_xx += value * dx * dx
            total += weight_y * row
            sum_x += weight_y * row_x
            sum_xx += weight_y * row_xx
            sum_y += weight_y * dy * row
            sum_yy += weight_y * dy * dy * row
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


@kernel
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

    `stamps`: (n, side, side) float64; `level`: (n,) float64; `start_x, start_y`: (n,) float64;
    gives `x, y` (n,) float64; `steps` (n,) int64.
    """
    n = len(stamps)
    x, y = np.empty(n), np.empty(n)
    steps = np.empty(n, dtype=np.int64)
    for k in range(n):
        half = len(stamps[k]) // 2
        x[k], y[k], steps[k] = windowed_centroid(
            stamps[k], half, level[k], 0.0, 0.0, start_x[k], start_y[k], sigma, rounds, tolerance
        )
    return x, y, steps
