"""Bits of pixels, and the parts of the detector that they mark."""

from __future__ import annotations

from enum import IntFlag

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS
from tica_fn.frame import NO_DATA
from tica_fn.immutable import Array, Record, freeze, frozen_array

__all__ = ["FLAT_RANGE", "STRAP_COLUMNS", "BadPixels", "Pixel"]

FLAT_RANGE = (0.5, 1.5)
"""Range of plausible flat field values."""


class Pixel(IntFlag):
    """Bits of `Frame.quality`."""

    VIRTUAL = 1
    BUFFER = 2
    SMEAR_ROW = 4
    EDGE = 8
    SATURATED = 16
    BEYOND_LINEARITY = 32
    BLEED_COLUMN = 64
    SMEAR_CONTAMINATED = 128
    MODEL_INVALID = 256
    COSMIC_RAY = 512
    STRAP = 1024
    NO_DATA = NO_DATA
    HOT = 4096
    DEAD = 8192
    ISOLATED = 16384


@attrs.frozen(eq=False, repr=False, kw_only=True)
class BadPixels(Record):
    """A map of bad pixels.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4.
    bits : ndarray
        (2078, 2136) int32: `HOT` and `DEAD` of `tica_fn.quality.pixels.Pixel`.
    frames : int
        Frames it was made from.
    exposure_s : float
        Their exposure time, seconds.
    """

    camera: int
    ccd: int
    bits: Array = attrs.field(converter=frozen_array)
    frames: int
    exposure_s: float

    @property
    def hot(self) -> int:
        """Number of hot pixels."""
        return int((self.bits & Pixel.HOT.value > 0).sum())

    @property
    def dead(self) -> int:
        """Number of dead pixels."""
        return int((self.bits & Pixel.DEAD.value > 0).sum())


def _strap_columns() -> Array:
    """Strap columns: pairs every 128 columns, and some single pairs."""
    pairs = [first + 128 * k for first in (77, 81, 85, 1067, 1071, 1075) for k in range(8)]
    pairs += [516, 520, 524, 1524, 1528, 1532, 673, 675, 1373, 1375]
    science = np.array(sorted([*pairs, *(first + 1 for first in pairs)]))
    return freeze(science - 1 + SCIENCE_COLUMNS[0])


STRAP_COLUMNS = _strap_columns()
"""(116,) int64: columns of the full readout above the straps, 0-based, the same on every CCD.
Source: the strap list of TESSreduce, whose science column 874 stands for 974."""
