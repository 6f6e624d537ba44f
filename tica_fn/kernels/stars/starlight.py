"""Everything that is measured of a star, for many stars, in one walk over the image.

Each star's surroundings are copied once, to a square that stays in the processor's cache.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.medians import median_and_scatter, median_in_place
from tica_fn.kernels.stars.centroid import mean_centroid, windowed_centroid
from tica_fn.kernels.stars.stamps import cut_stamp, isolation_of, ring_values, summary_of
from tica_fn.kernels.types import Array

__all__ = [
    "BACKGROUND",
    "CONTRAST_X",
    "CONTRAST_Y",
    "FLUX",
    "FLUX_X",
    "FLUX_Y",
    "ISOLATED",
    "MEAN_HALVES",
    "MEAN_X",
    "MEAN_Y",
    "MISSING",
    "PEAK",
    "PLATEAU",
    "QUANTITIES",
    "SCATTER",
    "STEPS",
    "WINDOW_X",
    "WINDOW_Y",
    "measure_starlight",
]

(
    BACKGROUND,
    SCATTER,
    PEAK,
    PLATEAU,
    MISSING,
    ISOLATED,
    CONTRAST_X,
    CONTRAST_Y,
    MEAN_X,
    MEAN_Y,
    FLUX,
    WINDOW_X,
    WINDOW_Y,
    STEPS,
    FLUX_X,
    FLUX_Y,
) = range(16)
MEAN_HALVES = (8, 6, 5, 4)
QUANTITIES = 14 + 2 * len(MEAN_HALVES)
"""Rows of the table that `measure_starlight` makes."""
_SIDE = 23


@kernel
def measure_starlight(
    pixels: Array,
    columns: Array,
    rows: Array,
    slope_x: Array,
    slope_y: Array,
    first: int,
    last: int,
    top: int,
    sigma: float,
    wing_factor: float,
) -> Array:
    """Measure many stars.

    `pixels`: (rows, columns) int32, float32 or float64; `columns, rows`: (n,) int64; `slope_x,
    slope_y`: (n,) float64; gives (22, n) float64.
    """
    n = columns.size
    out = np.full((QUANTITIES, n), np.nan)
    stamp = np.empty((_SIDE, _SIDE))
    values = np.empty(stamp.size)
    for k in range(n):
        cut_stamp(pixels, columns[k], rows[k], first, last, top, stamp)
        peak, plateau, missing = summary_of(stamp, 2)
        out[PEAK, k], out[PLATEAU, k], out[MISSING, k] = peak, plateau, missing
        count = ring_values(stamp, 5, 2, values)
        out[ISOLATED, k] = out[CONTRAST_X, k] = out[CONTRAST_Y, k] = 0.0
        out[STEPS, k] = -1.0
        if missing > 0 or count < 36:  # half of the ring's pixels
            continue
        level, scatter = median_and_scatter(values, count)
        out[BACKGROUND, k], out[SCATTER, k] = level, scatter
        alone, contrast_x, contrast_y = isolation_of(stamp, 5, level, 10.0, wing_factor)
        out[ISOLATED, k] = 1.0 if alone else 0.0
        out[CONTRAST_X, k], out[CONTRAST_Y, k] = contrast_x, contrast_y
        mean_x, mean_y, flux = mean_centroid(stamp, 2, level, 0.0, 0.0)
        out[MEAN_X, k], out[MEAN_Y, k], out[FLUX, k] = mean_x, mean_y, flux
        if not flux > 0.0:
            continue
        x, y, steps = windowed_centroid(
            stamp,
            5,
            level,
            slope_x[k],
            slope_y[k],
            min(max(mean_x, -2.0), 2.0),
            min(max(mean_y, -2.0), 2.0),
            sigma,
            25,
            1e-4,
        )
        out[WINDOW_X, k], out[WINDOW_Y, k], out[STEPS, k] = x, y, steps
        count = ring_values(stamp, _SIDE // 2, 1, values)
        level = median_in_place(values, count)
        for size in range(len(MEAN_HALVES)):
            x, y, _ = mean_centroid(stamp, MEAN_HALVES[size], level, slope_x[k], slope_y[k])
            out[FLUX_X + 2 * size, k], out[FLUX_Y + 2 * size, k] = x, y
    return out
