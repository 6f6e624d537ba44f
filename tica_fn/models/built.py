"""Records of models that were built from frames, and what they are built from."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_array

__all__ = ["BuiltModel", "Overclocks", "RowProfile"]


def _image(value: ArrayLike) -> Array:
    return frozen_array(value, np.float32)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class BuiltModel(Record):
    """A model made from a stack of frames.

    Parameters
    ----------
    kind : str
        ``"bias"`` or ``"flat"``.
    camera, ccd : int
        Numbers 1 to 4.
    image : ndarray
        (2078, 2136) float32: ADU per exposure, or relative response.
    uncertainty : ndarray
        (2078, 2136) float32, its standard deviation in the same unit, from the scatter of the
        frames; NaN where it is not known.
    count : ndarray
        (2078, 2136) int32: frames that each pixel's mean was made from.
    exposure_s, coadds : float
        Exposure time in seconds and number of coadded exposures of the frames.
    frames : int
        Length of the stack.
    limit : float
        Standard deviations at which values were clipped.
    levels : ndarray
        (frames,) float64: each frame's median signal in electrons (flat), or its mean pedestal in
        ADU (bias).
    """

    kind: str
    camera: int
    ccd: int
    image: Array = attrs.field(converter=_image)
    uncertainty: Array = attrs.field(converter=_image)
    count: Array = attrs.field(converter=frozen_array)
    exposure_s: float
    coadds: float
    frames: int
    limit: float
    levels: Array = attrs.field(converter=frozen_array)

    @property
    def clipped(self) -> int:
        """Number of values that were left out."""
        return int(self.frames * self.count.size - self.count.sum(dtype=np.int64))


@attrs.frozen(eq=False, kw_only=True)
class Overclocks:
    """Overclock columns of one amplifier in one readout.

    `counts`: (2078, 11) raw counts, NaN where missing; `calibrated`: (2078, 11) of the mission's
    file, ADU per second, or None.
    """

    name: str
    camera: int
    ccd: int
    amplifier: int
    coadds: float
    counts: Array
    calibrated: Array | None = None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class RowProfile(Record):
    """Row profiles of a CCD's amplifiers.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4.
    profile : ndarray
        (4, 2078) float64: black of A, B, C and D in each row, ADU per read, of mean zero; NaN
        where no overclock columns were at hand.
    uncertainty : ndarray
        (4, 2078) float64: its standard deviation.
    frames : tuple of int
        Readouts that each was made from.
    exact : tuple of bool
        Whether each is what the mission's own calibrated overclocks tell.
    """

    camera: int
    ccd: int
    profile: Array = attrs.field(converter=frozen_array)
    uncertainty: Array = attrs.field(converter=frozen_array)
    frames: tuple[int, ...]
    exact: tuple[bool, ...]
