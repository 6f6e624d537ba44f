"""Scattered light: a smooth sky that is too bright somewhere, such as a ramp or a corner glow.

The sky of each block of 32 x 32 pixels is its 20th percentile.  Blocks beside a saturated star are
left out, because its halo is not scattered light.  The smooth sky is the median of 3 x 3 blocks, so
light narrower than about 100 pixels does not count.
"""

from __future__ import annotations

import warnings

import numpy as np

from tica_fn.immutable import Array

__all__ = ["brightest_part"]

_PART = 32
_LOW_PERCENTILE = 20
_HALO_PARTS = 2
"""Blocks around a saturated pixel that contain its star's halo."""


def brightest_part(light: Array, full: Array, row_step: int = 4) -> float:
    """Brightest smooth sky of an amplifier; NaN if all of it is beside saturated stars.

    `light`: (rows, columns) science pixels, every `row_step`-th row; `full`: (rows, columns) bool,
    saturated pixels.
    """
    rows, columns = (
        min(_PART // step, size) for step, size in zip((row_step, 1), light.shape, strict=True)
    )
    high, wide = light.shape[0] // rows, light.shape[1] // columns

    def parts(values: Array) -> Array:
        cut = values[: high * rows, : wide * columns].reshape(high, rows, wide, columns)
        return cut.swapaxes(1, 2).reshape(high, wide, -1)

    sky = np.percentile(parts(light), _LOW_PERCENTILE, axis=2)
    halo = np.asarray(parts(full).any(axis=2))
    for _ in range(_HALO_PARTS):
        halo = np.asarray(_around(halo, False).any(axis=0))
    sky[halo] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # For blocks without any neighbour with a sky.
        smooth = np.nanmedian(_around(sky, None), axis=0)
        smooth[np.isfinite(_around(sky, None)).sum(axis=0) < _LEAST] = np.nan
        return float(np.nanmax(smooth))


_LEAST = 5
"""Blocks of nine that must have a sky."""


def _around(values: Array, edge: bool | None) -> Array:
    """Each block and its eight neighbours; beyond the border `edge`, or the border repeated.

    Returns (9, rows, columns).
    """
    padded = np.pad(values, 1, mode="edge")
    if edge is not None:
        padded[[0, -1], :] = edge
        padded[:, [0, -1]] = edge
    high, wide = values.shape
    return np.stack([padded[r : r + high, c : c + wide] for r in range(3) for c in range(3)])
