"""Thinning the points of a plot, with outliers kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tica_fn.immutable import Array

__all__ = ["thinned"]


def thinned(columns: Sequence[Array], keep: Array, most: int) -> Array:
    """Choose the frames to draw.

    `columns`: (n,) float64 each; `keep`: (n,) bool, frames to draw in any case.  Returns sorted
    indices: all if there are few, else the lowest and highest value of every column in each of
    equal stretches, and those to keep.
    """
    count = keep.size
    if count <= most:
        return np.arange(count)
    chosen = keep.copy()
    stretches = max(most // (2 * max(len(columns), 1)), 2)
    edges = np.linspace(0, count, stretches + 1).astype(np.int64)
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        chosen[first] = True
        for column in columns:
            part = column[first:last]
            if np.isfinite(part).any():
                chosen[first + int(np.nanargmin(part))] = True
                chosen[first + int(np.nanargmax(part))] = True
    return np.flatnonzero(chosen)
