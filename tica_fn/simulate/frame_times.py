"""Times of a simulated frame in the time scales of headers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.clock import DAY_S, readout_delay
from tica_fn.fits.clocks import utc_moment
from tica_fn.frame import Times

__all__ = ["barycentric_days", "frame_times", "utc"]

_LIGHT_DAYS_PER_KM = 1.0 / 299792.458 / DAY_S


def frame_times(start_tjd: float, exposure_s: float, camera: int, ccd: int) -> Times:
    """Start, middle and end of one CCD's exposure, at the spacecraft."""
    start = start_tjd + readout_delay(camera, ccd) / DAY_S
    length = exposure_s / DAY_S
    return Times(start=start, mid=start + length / 2, end=start + length)


def utc(tjd: float) -> Any:
    """UTC of a TDB date."""
    return utc_moment(Times(start=tjd, mid=tjd, end=tjd), tjd)


def barycentric_days(tjd: float, ra_deg: float, dec_deg: float) -> float:
    """Light travel time in days from the Earth to the solar system's barycentre."""
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    moment = Time(2457000.0, tjd, format="jd", scale="tdb")
    place = get_body_barycentric("earth", moment, ephemeris="builtin").xyz.to_value("km")
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    direction = [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]
    return float(np.dot(place, direction)) * _LIGHT_DAYS_PER_KM
