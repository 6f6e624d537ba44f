"""The 5 x 5 blocks of the science area."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array

__all__ = ["BLOCKS", "block_of"]

BLOCKS = 5


def block_of(columns: ArrayLike, rows: ArrayLike) -> Array:
    """Block of the science area in which a pixel lies, 5 * row block + column block.

    `columns, rows`: (n,) pixels of the full readout, first centre at 1; returns (n,) int64.
    """
    across = np.floor((np.asarray(columns, float) - 44.5) / 2048.0 * BLOCKS)
    up = np.floor((np.asarray(rows, float) - 0.5) / 2048.0 * BLOCKS)
    across, up = (np.clip(axis, 0, BLOCKS - 1).astype(np.int64) for axis in (across, up))
    return np.asarray(up * BLOCKS + across)
