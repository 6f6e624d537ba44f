"""What time it is at the barycentre for light that a frame caught.

Light from direction n that arrives at place r at time t passes the barycentre at ``t + r . n / c``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.wcs.sphere import LIGHT_KM_S, unit_vectors

__all__ = ["barycentric_correction", "barycentric_time", "state_of_header"]

STATE_KEYS = ("TESS_X", "TESS_Y", "TESS_Z", "TESS_VX", "TESS_VY", "TESS_VZ")


def state_of_header(header: Mapping[str, Any]) -> Array | None:
    """Position and velocity that a header holds.

    Parameters
    ----------
    header : mapping
        With ``TESS_X`` to ``TESS_VZ``, km and km/s.

    Returns
    -------
    ndarray or None
        (6,) float64, or None when a keyword is missing.
    """
    if any(header.get(key) is None for key in STATE_KEYS):
        return None
    return np.array([float(header[key]) for key in STATE_KEYS])


def barycentric_correction(ra: ArrayLike, dec: ArrayLike, state: ArrayLike | Frame) -> Array:
    """Light travel time from a frame to the barycentre for directions in the sky.

    Parameters
    ----------
    ra, dec : array_like
        (n,) degrees, ICRS.
    state : array_like or Frame
        (3,) or (6,) position of the spacecraft, km from the barycentre, at mid exposure; or a
        frame whose header has it.

    Returns
    -------
    ndarray
        (n,) float64, seconds to add to the time at the spacecraft; up to 500.

    Raises
    ------
    FrameError
        If the frame's header has no position.

    Examples
    --------
    >>> from tica_fn.wcs.barycenter import barycentric_correction
    >>> barycentric_correction([0.0, 180.0], [0.0, 0.0], [149597870.7, 0, 0]).round(3)
    array([ 499.005, -499.005])
    """
    if isinstance(state, Frame):
        found = state_of_header(state.header)
        if found is None:
            raise FrameError(
                f"{state.name}: the header has no TESS_X, TESS_Y, TESS_Z; give an ephemeris"
            )
        state = found
    place = np.asarray(state, float)[:3]
    vectors = unit_vectors(np.atleast_1d(ra), np.atleast_1d(dec))
    return np.asarray(vectors @ place / LIGHT_KM_S)


def barycentric_time(
    frame: Frame, ra: ArrayLike, dec: ArrayLike, state: ArrayLike | None = None
) -> Array:
    """Barycentric time of the middle of a frame for directions in the sky.

    Parameters
    ----------
    frame : Frame
        With times at the spacecraft.
    ra, dec : array_like
        (n,) degrees, ICRS.
    state : array_like, optional
        Position of the spacecraft; that of the frame's header by default.

    Returns
    -------
    ndarray
        (n,) float64: Julian date TDB at the barycentre.

    Raises
    ------
    FrameError
        If the frame has no time at the spacecraft or no position is known.
    """
    if frame.times is None or frame.times.place != "spacecraft":
        raise FrameError(f"{frame.name}: the frame has no time at the spacecraft")
    seconds = barycentric_correction(ra, dec, frame if state is None else state)
    return frame.times.zero + frame.times.mid + seconds / 86400.0
