"""Everything that is measured of a star, for many stars, in one walk over the image.

Each star's surroundings are copied once, to a square that stays in the processor's cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.medians import median_and_scatter, median_in_place
from tica_fn.kernels.stars.centroid import mean_centroid, soft_centroid, windowed_centroid
from tica_fn.kernels.stars.stamps import cut_stamp, isolation_of, ring_values, summary_of
from tica_fn.kernels.types import Array

__all__ = [
    "APERTURES",
    "BACKGROUND",
    "CONTRAST_X",
    "CONTRAST_Y",
    "FLUX",
    "FLUX_X",
    "FLUX_Y",
    "ISOLATED",
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
APERTURES = (10.2, 8.5, 6.5, 4.5)
"""Half sides of a square, and then radii of circles, pixels."""
QUANTITIES = 14 + 2 * len(APERTURES)
"""Rows of the table that `measure_starlight` makes."""
_SIDE = 23
# Numbers whose type is that of all others: the kernels called with them are compiled once.
_HALF: Any = np.int64(5)
_WIDTH: Any = np.int64(2)
_ROUNDS: Any = np.int64(25)
_OUTER: Any = np.int64(_SIDE // 2)
_ONE: Any = np.int64(1)
_EDGE = 1.6
"""Width of an aperture's soft edge, pixels: the pixels' own places do not show in the sum."""


@kernel
def measure_starlight(
    pixels: Array,
    columns: Array,
    rows: Array,
    slopes: Array,
    seen: tuple[int, int, int],
    sigma: float,
    wing_factor: float,
) -> Array:
    """Measure many stars.

    The rows of the result are named in this module: `BACKGROUND` and `SCATTER` of a ring of half
    side 5; `PEAK`, `PLATEAU` and `MISSING` of the middle 5 x 5; `ISOLATED` with `CONTRAST_X` and
    `CONTRAST_Y`; `MEAN_X`, `MEAN_Y` and `FLUX` of 5 x 5; `WINDOW_X`, `WINDOW_Y` and `STEPS` of the
    windowed centroid; and from `FLUX_X` and `FLUX_Y` on pairs of flux centroids, one for each of
    `APERTURES` around the windowed centroid.  Places are offsets from the given pixel.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; not modified.
    columns, rows : ndarray
        (n,) int64, pixels the stars are in, 0-based.
    slopes : ndarray
        (2, n) float64, slopes of the background along columns and rows, per pixel.
    seen : tuple of int
        Columns that may be seen, half-open, 0-based, and one past the last row that may.
    sigma : float
        Standard deviation of the centroid's window, pixels.
    wing_factor : float
        See `tica_fn.kernels.stars.stamps.isolation_of`.

    Returns
    -------
    ndarray
        (22, n) float64; NaN where a star could not be measured.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.starlight import measure_starlight
    >>> x, y = np.arange(41) - 20.25, np.arange(41) - 19.5
    >>> pixels = 1000.0 * np.exp(-0.5 * (x**2 + y[:, np.newaxis] ** 2))
    >>> at, flat = np.array([20]), np.zeros((2, 1))
    >>> measured = measure_starlight(pixels, at, at, flat, (0, 41, 41), 1.5, 0.9)
    >>> measured[WINDOW_X].round(3), measured[WINDOW_Y].round(3)
    (array([0.25]), array([-0.5]))
    """
    n = columns.size
    out = np.empty((QUANTITIES, n))
    for quantity in range(QUANTITIES):
        for k in range(n):
            out[quantity, k] = np.nan
    stamp = np.empty((_SIDE, _SIDE))
    values = np.empty(stamp.size)
    first, last, top = seen
    for k in range(n):
        cut_stamp(pixels, columns[k], rows[k], first, last, top, stamp)
        peak, plateau, missing = summary_of(stamp, _WIDTH)
        out[PEAK, k], out[PLATEAU, k], out[MISSING, k] = peak, plateau, missing
        count = ring_values(stamp, _HALF, _WIDTH, values)
        out[ISOLATED, k] = out[CONTRAST_X, k] = out[CONTRAST_Y, k] = 0.0
        out[STEPS, k] = -1.0
        if missing > 0 or count < 36:  # half of the ring's pixels
            continue
        level, scatter = median_and_scatter(values, count)
        out[BACKGROUND, k], out[SCATTER, k] = level, scatter
        alone, contrast_x, contrast_y = isolation_of(stamp, _HALF, level, 10.0, wing_factor)
        out[ISOLATED, k] = 1.0 if alone else 0.0
        out[CONTRAST_X, k], out[CONTRAST_Y, k] = contrast_x, contrast_y
        mean_x, mean_y, flux = mean_centroid(stamp, _WIDTH, level, 0.0, 0.0)
        out[MEAN_X, k], out[MEAN_Y, k], out[FLUX, k] = mean_x, mean_y, flux
        if not flux > 0.0:
            continue
        background = level, slopes[0, k], slopes[1, k]
        start = min(max(mean_x, -2.0), 2.0), min(max(mean_y, -2.0), 2.0)
        at_x, at_y, steps = windowed_centroid(stamp, _HALF, background, start, sigma, _ROUNDS, 1e-4)
        out[WINDOW_X, k], out[WINDOW_Y, k], out[STEPS, k] = at_x, at_y, steps
        count = ring_values(stamp, _OUTER, _ONE, values)
        level = median_in_place(values, count)
        if steps < 0:
            continue
        background = level, slopes[0, k], slopes[1, k]
        for size in range(len(APERTURES)):
            aperture = APERTURES[size], _EDGE, size > 0
            x, y = soft_centroid(stamp, background, (at_x, at_y), aperture)
            out[FLUX_X + 2 * size, k], out[FLUX_Y + 2 * size, k] = x, y
    return out
