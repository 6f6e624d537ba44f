"""The places of a camera's four CCDs in one array, as in POC/TSO camera frames.

===========  ==================  =====================
half         left                right
===========  ==================  =====================
top          CCD 2, rotated      CCD 1, rotated
bottom       CCD 3               CCD 4
===========  ==================  =====================

The first row is at the bottom.  CCDs 1 and 2 are stored rotated by 180 degrees (both axes reversed)
and are rotated back when they are read, so every CCD has the layout of `tica_fn.detector`.
"""

from __future__ import annotations

import numpy as np

from tica_fn.detector import COLUMNS, ROWS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.immutable import Array

__all__ = ["CAMERA_SHAPE", "TRIMMED_SHAPE", "place_ccd", "take_ccd"]

CAMERA_SHAPE = (2 * ROWS, 2 * COLUMNS)
"""Rows and columns of a camera frame: 4156 x 4272."""
TRIMMED_SHAPE = (SCIENCE_ROWS[1] - SCIENCE_ROWS[0], SCIENCE_COLUMNS[1] - SCIENCE_COLUMNS[0])
"""Rows and columns of the science pixels of one CCD: 2048 x 2048."""

_TOP = (1, 2)
_RIGHT = (1, 4)


def _view(camera_pixels: Array, ccd: int) -> Array:
    """The CCD's part of a camera array, as a view in the CCD's own orientation."""
    rows, columns = (size // 2 for size in camera_pixels.shape)
    top, right = ccd in _TOP, ccd in _RIGHT
    part = camera_pixels[top * rows : (top + 1) * rows, right * columns : (right + 1) * columns]
    return part[::-1, ::-1] if top else part


def take_ccd(camera_pixels: Array, ccd: int) -> Array:
    """Copy one CCD out of a camera frame.

    `camera_pixels`: (2 rows, 2 columns), any type and byte order.  Returns (rows, columns) of the
    same type in native byte order, C-contiguous, in the CCD's own orientation.
    """
    part = _view(camera_pixels, ccd)
    return np.array(part, dtype=part.dtype.newbyteorder("="), order="C", copy=True)


def place_ccd(camera_pixels: Array, ccd: int, pixels: Array) -> None:
    """Put one CCD into a camera frame: the opposite of `take_ccd`.

    `camera_pixels`: (2 rows, 2 columns), filled in place; `pixels`: (rows, columns), in the CCD's
    own orientation.
    """
    _view(camera_pixels, ccd)[:] = pixels
