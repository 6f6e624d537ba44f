"""Maps of large images in blocks of pixels that keep the most extreme pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.immutable import Array

__all__ = ["COLUMN", "ROW", "block_size", "extremes", "has_any", "placed"]

ROW = "detector row [pixel, 0-based]"
COLUMN = "detector column [pixel, 0-based]"
_LARGEST_SIDE = 300
"""Most blocks along a side of a panel, which is about 400 pixels wide, so that all are visible."""


def block_size(shape: tuple[int, ...]) -> int:
    """Pixels along a block's side."""
    return max(1, -(-max(shape) // _LARGEST_SIDE))


def _blocks(image: Array, step: int, padding: Any) -> Array:
    """Pixels of each block along the last axis."""
    rows, columns = (-(-n // step) * step for n in image.shape)
    padded = np.full((rows, columns), padding, dtype=image.dtype)
    padded[: image.shape[0], : image.shape[1]] = image
    blocks = padded.reshape(rows // step, step, columns // step, step)
    return blocks.transpose(0, 2, 1, 3).reshape(rows // step, columns // step, step * step)


def extremes(image: Array, step: int) -> Array:
    """Value furthest from zero in each block; NaN where it holds only NaN."""
    blocks = _blocks(image, step, np.nan)
    known = np.where(np.isnan(blocks), -1.0, np.abs(blocks))
    furthest = known.argmax(axis=2)[..., None]
    return np.asarray(np.take_along_axis(blocks, furthest, axis=2)[..., 0])


def has_any(mask: Array, step: int) -> Array:
    """Whether any pixel of a block is marked."""
    return np.asarray(_blocks(mask, step, False).any(axis=2))


def placed(shape: tuple[int, int], step: int, origin: tuple[int, int]) -> dict[str, Any]:
    """Arguments of ``imshow`` that put blocks where their pixels are on the detector."""
    rows, columns = (-(-n // step) * step for n in shape)
    low_row, low_column = origin[0] - 0.5, origin[1] - 0.5
    return {
        "origin": "lower",
        "interpolation": "none",
        "extent": (low_column, low_column + columns, low_row, low_row + rows),
    }
