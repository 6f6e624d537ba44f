"""Records of models built from frames, and of the overclocks they are built from."""

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
        (2078, 2136) float32: its standard deviation in the same unit, from the scatter of the
        frames; NaN where it is not known.
    count : ndarray
        (2078, 2136) int32: number of frames in each pixel's mean.
    exposure_s, coadds : float
        Exposure time of the frames in seconds, and their number of coadded exposures.
    frames : int
        Number of frames in the stack.
    limit : float
        Limit in standard deviations beyond which values were clipped.
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
        """Number of values that were clipped."""
        return int(self.frames * self.count.size - self.count.sum(dtype=np.int64))


@attrs.frozen(eq=False, kw_only=True)
class Overclocks:
    """Overclock columns of one amplifier in one readout.

    `counts` is (2078, 11), raw counts with NaN where missing; `calibrated` is (2078, 11), SPOC's
    calibrated values in ADU per second, or None.
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
        (4, 2078) float64: black of A, B, C and D in each row, ADU per read, with mean zero; NaN
        for amplifiers without overclock columns.
    uncertainty : ndarray
        (4, 2078) float64: its standard deviation.
    frames : tuple of int
        Number of readouts that each profile was made from.
    exact : tuple of bool
        Whether each profile was taken from SPOC's calibrated overclocks.
    """

    camera: int
    ccd: int
    profile: Array = attrs.field(converter=frozen_array)
    uncertainty: Array = attrs.field(converter=frozen_array)
    frames: tuple[int, ...]
    exact: tuple[bool, ...]
