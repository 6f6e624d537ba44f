"""Barycentric times of the light in a frame.

Light from direction n that arrives at position r at time t passes the barycentre at
``t + r . n / c``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.clock import DAY_S
from tica_fn.errors import FrameError
from tica_fn.frame import Frame, Times
from tica_fn.immutable import Array
from tica_fn.wcs.sphere import LIGHT_KM_S, unit_vectors

__all__ = ["barycentric_correction", "barycentric_time", "state_of_header"]

STATE_KEYS = ("TESS_X", "TESS_Y", "TESS_Z", "TESS_VX", "TESS_VY", "TESS_VZ")


def state_of_header(header: Mapping[str, Any]) -> Array | None:
    """Position and velocity of the spacecraft in a header.

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
    """Light travel time from a frame to the barycentre for directions on the sky.

    Parameters
    ----------
    ra, dec : array_like
        (n,) degrees, ICRS.
    state : array_like or Frame
        (3,) or (6,) position of the spacecraft, km from the barycentre, at mid exposure; or a
        frame with the position in its header.

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
    """Barycentric time of the middle of a frame for directions on the sky.

    Parameters
    ----------
    frame : Frame
        Frame with times at the spacecraft; or at the barycentre, if its light travel time is known
        (SPOC's ``BARYCORR``), which is subtracted first.
    ra, dec : array_like
        (n,) degrees, ICRS.
    state : array_like, optional
        Position of the spacecraft from the barycentre, km; by default that in the frame's header.
        If the header has none, as in SPOC's files, it is the Earth's, moved along the direction of
        the reference pixel until its light travel time is ``BARYCORR``.

    Returns
    -------
    ndarray
        (n,) float64: Julian date TDB at the barycentre.  With the Earth's position it is accurate
        to 0.5 s over a CCD.

    Raises
    ------
    FrameError
        If the frame has no times, or no position is known.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, Times
    >>> from tica_fn.wcs import barycentric_time
    >>> times = Times(start=2000.0, mid=2000.01, end=2000.02, place="barycenter", light_d=0.004)
    >>> frame = Frame(pixels=np.zeros((2078, 2136)), unit="adu", camera=1, ccd=1, exposure_s=1800,
    ...               coadds=720, times=times)
    >>> found = barycentric_time(frame, [0.0, 180.0], [0.0, 0.0], state=[149597870.7, 0.0, 0.0])
    >>> ((found - 2459000.006) * 86400).round(2)
    array([ 499., -499.])
    """
    times = frame.times
    if times is None:
        raise FrameError(f"{frame.name}: the frame has no times")
    seconds = barycentric_correction(ra, dec, _place(frame, times) if state is None else state)
    return times.zero + (times.mid - times.light_d) + seconds / DAY_S


def _place(frame: Frame, times: Times) -> Array | Frame:
    """Position from a frame's header, else from the Earth and the light travel time."""
    if state_of_header(frame.header) is not None or times.place == "spacecraft":
        return frame
    ra, dec = frame.header.get("CRVAL1"), frame.header.get("CRVAL2")
    if not isinstance(ra, int | float) or not isinstance(dec, int | float) or not times.light_d:
        return frame
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    here = Time(times.zero, times.mid - times.light_d, format="jd", scale=times.scale)
    earth = get_body_barycentric("earth", here, ephemeris="builtin").xyz.to_value("km")
    sight = unit_vectors([ra], [dec])[0]
    along = times.light_d * DAY_S * LIGHT_KM_S - float(sight @ earth)
    return np.asarray(earth + along * sight)
