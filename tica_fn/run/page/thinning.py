"""Fewer points to draw, with what stands out kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tica_fn.immutable import Array

__all__ = ["thinned"]


def thinned(columns: Sequence[Array], keep: Array, most: int) -> Array:
    """Choose the frames that are drawn.

    `columns`: (n,) float64 each; `keep`: (n,) bool, frames that are drawn whatever comes.  Gives
    indices in order: all of them where there are few, else the lowest and the highest value of
    every column in each of equal stretches, and those to be kept.
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
