"""Stars on pixels: a point spread function of Gaussians, integrated over each pixel.

A star's light is a sum of axis-parallel Gaussians of different width and place, so that the image
can be skewed and have wings.  The integral of such a Gaussian over a pixel is the product of two
differences of error functions, exact for any width; no light is lost to sampling.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tica_fn.kernels.compile import kernel

_ROOT_HALF = math.sqrt(0.5)


@kernel
def add_stars(
    stars: NDArray[np.float64],
    weights: NDArray[np.float64],
    offsets: NDArray[np.float64],
    widths: NDArray[np.float64],
    reach: NDArray[np.int64],
    origin: tuple[int, int],
    out: NDArray[np.float64],
) -> None:
    """Add stars to an image or to a tile of one.

    What a pixel gets does not depend on the tile it is computed in, whose first row and column are
    `origin`.  `stars` are (3, stars): column, row and flux.  Each is a sum of components of given
    weights (components,), with offsets (stars, components, 2) and widths (stars, components) of its
    own, within `reach` pixels (stars,) of its middle.
    """
    columns, rows, flux = stars
    first_row, first_column = origin
    height, width = out.shape
    across, along = np.empty(width), np.empty(height)
    for star in range(columns.size):
        extent = reach[star]
        column = math.floor(columns[star] + 0.5) - first_column
        row = math.floor(rows[star] + 0.5) - first_row
        # The part of the star's box that lies in the tile.
        c0, c1 = max(column - extent, 0), min(column + extent + 1, width)
        r0, r1 = max(row - extent, 0), min(row + extent + 1, height)
        if r0 >= r1:
            continue
        for k in range(weights.size):
            scale = _ROOT_HALF / widths[star, k]
            x = columns[star] + offsets[star, k, 0]
            y = rows[star] + offsets[star, k, 1]
            low = math.erf((first_column + c0 - 0.5 - x) * scale)
            for c in range(c0, c1):
                high = math.erf((first_column + c + 0.5 - x) * scale)
                across[c] = 0.5 * (high - low)
                low = high
            low = math.erf((first_row + r0 - 0.5 - y) * scale)
            for r in range(r0, r1):
                high = math.erf((first_row + r + 0.5 - y) * scale)
                along[r] = 0.5 * (high - low)
                low = high
            light = flux[star] * weights[k]
            for r in range(r0, r1):
                value = light * along[r]
                for c in range(c0, c1):
                    out[r, c] += value * across[c]


def add_background(
    level: float,
    glow: float,
    cosine: float,
    sine: float,
    start: float,
    scale: float,
    first_row: int,
    first_column: int,
    out: NDArray[np.float64],
) -> None:
    """Add an even sky and a glow that falls off exponentially along one direction."""
    if glow == 0.0:
        out += level
        return
    # exp(a + b) = exp(a) exp(b): one exponential a row and one a column.
    height, width = out.shape
    across = [math.exp((c + first_column) * cosine / scale) for c in range(width)]
    along = [glow * math.exp(((r + first_row) * sine - start) / scale) for r in range(height)]
    columns, light = np.array(across), np.empty(width)
    for r in range(height):
        np.multiply(columns, along[r], out=light)
        light += level
        out[r] += light
