"""What the headers of raw frames say: camera, CCD, exposure, coadds, times.

The one place that knows how the two kinds of raw full-frame image differ.

=============  ======================================  ====================================
what           SPOC ``*_ffir.fits``                    POC/TSO camera frame
=============  ======================================  ====================================
image          HDU 1, one CCD, 2078 x 2136             primary, four CCDs, 4156 x 4272
camera, CCD    ``CAMERA``, ``CCD``                     ``CAM``; the CCD by its quadrant
exposure [s]   ``EXPOSURE`` [d] * 86400 / 0.8 / 0.99   ``INT_TIME``
coadds         ``NREADOUT``                            ``INT_TIME * 0.8 / 2``
cadence        ``FFIINDEX`` (from sector 6 on)         ``CADENCE``
times          ``TSTART``, ``TSTOP``                   ``STARTTJD``, ``MIDTJD``, ``ENDTJD``
sector         the file's name                         by the orbit, ``ORBIT_ID``
flags          ``DQUALITY``                            ``COARSE``, ``RW_DESAT``, ``STRAYLT1..4``
=============  ======================================  ====================================

0.8 is the on-board cosmic-ray mitigation, which discards 2 of 10 exposures; 0.99 the live fraction
of a 2 s exposure.  In a SPOC header ``INT_TIME`` is the 1.98 s of one exposure.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tica_fn.detector import CAMERAS, CCDS, KEPT_FRACTION, LIVE_FRACTION, READ_INTERVAL_S
from tica_fn.errors import BadFileError
from tica_fn.fits.orbits import sector_of_orbit
from tica_fn.frame import Times

__all__ = [
    "coadds_of",
    "detector_number",
    "dquality_of",
    "exposure_of_poc",
    "exposure_of_spoc",
    "is_spoc_header",
    "number",
    "sector_of",
    "times_of",
    "whole_number",
]

Header = Mapping[str, Any]


def number(path: str | os.PathLike[str], header: Header, *keywords: str) -> float | None:
    """Value of the first of some keywords that is there."""
    for keyword in keywords:
        value = header.get(keyword)
        if value is None or type(value).__name__ == "Undefined":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadFileError(f"{path}: {keyword} is {value!r}, not a number")
        if not math.isfinite(value):
            raise BadFileError(f"{path}: {keyword} is {value}")
        return float(value)
    return None


def whole_number(path: str | os.PathLike[str], header: Header, *keywords: str) -> int | None:
    """Value of the first of some keywords that is there, as an int."""
    value = number(path, header, *keywords)
    if value is None:
        return None
    if value != int(value):
        raise BadFileError(f"{path}: {' or '.join(keywords)} is {value}, not a whole number")
    return int(value)


def detector_number(path: str | os.PathLike[str], header: Header, what: str) -> int:
    """Number of the camera or the CCD."""
    keywords = ("CAMERA", "CAMNUM", "CAM") if what == "camera" else ("CCD", "CCDNUM")
    value = whole_number(path, header, *keywords)
    if value is None:
        raise BadFileError(f"{path}: no {what} number (keyword {' or '.join(keywords)})")
    if value not in (CAMERAS if what == "camera" else CCDS):
        raise BadFileError(f"{path}: {what} {value} is impossible: TESS has 1 to 4")
    return value


def is_spoc_header(header: Header) -> bool:
    """Tell a header that goes back to a SPOC file from one of POC/TSO."""
    return "EXPOSURE" in header


def exposure_of_spoc(path: str | os.PathLike[str], header: Header) -> float:
    """Nominal exposure time of a SPOC full-frame image."""
    days = number(path, header, "EXPOSURE")
    if days is None:
        raise BadFileError(f"{path}: no exposure time (keyword EXPOSURE)")
    if days <= 0:
        raise BadFileError(f"{path}: EXPOSURE is {days} days, which is impossible")
    return nominal(days * 86400 / KEPT_FRACTION / LIVE_FRACTION)


def exposure_of_poc(path: str | os.PathLike[str], header: Header) -> float:
    """Nominal exposure time of a POC/TSO frame."""
    seconds = number(path, header, "INT_TIME")
    if seconds is None:
        raise BadFileError(f"{path}: no exposure time (keyword INT_TIME)")
    if seconds <= 0:
        raise BadFileError(f"{path}: INT_TIME is {seconds} s, which is impossible")
    return nominal(seconds)


def nominal(seconds: float) -> float:
    """Whole number of seconds, where rounding of the header alone makes the difference."""
    whole = float(round(seconds))
    return whole if abs(whole - seconds) <= 1e-3 * seconds else seconds


def coadds_of(path: str | os.PathLike[str], header: Header, exposure_s: float) -> float:
    """Number of exposures that were summed."""
    reads = number(path, header, "NREADOUT")
    if reads is None:
        return exposure_s * KEPT_FRACTION / READ_INTERVAL_S
    if reads <= 0:
        raise BadFileError(f"{path}: NREADOUT is {reads:g}, which is impossible")
    return reads


def times_of(path: str | os.PathLike[str], header: Header) -> Times | None:
    """Start, middle and end of the exposure, with their clock and place."""
    raw = number(path, header, "STARTTJD"), number(path, header, "ENDTJD")
    start, end = number(path, header, "TSTART"), number(path, header, "TSTOP")
    if start is None or end is None:
        start, end = raw
    if start is None or end is None:
        return None
    middle = number(path, header, "MIDTJD") if (start, end) == raw else None
    far = header.get("TIMEREF") == "SOLARSYSTEM"
    return Times(
        start=start,
        mid=0.5 * (start + end) if middle is None else middle,
        end=end,
        place="barycenter" if far else "spacecraft",
        light_d=(number(path, header, "BARYCORR") or 0.0) if far else 0.0,
    )


def sector_of(path: str | os.PathLike[str], header: Header) -> int | None:
    """Sector, from the header or the file's name."""
    value = whole_number(path, header, "SECTOR")
    if value is not None:
        return value
    match = re.search(r"[-_]s(\d{4})[-_]", PurePath(path).name)
    if match:
        return int(match[1])
    orbit = whole_number(path, header, "ORBIT_ID")
    return None if orbit is None else sector_of_orbit(orbit)


_POC_FLAGS = (("COARSE", 4), ("RW_DESAT", 32))
_STRAY_LIGHT = 2048


def dquality_of(header: Header, camera: int) -> int:
    """Quality of a whole frame as the raw header says it, in the mission's bits."""
    for keyword in ("DQUALITY", "QUALITY"):
        value = header.get(keyword)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    flags = (*_POC_FLAGS, (f"STRAYLT{camera}", _STRAY_LIGHT))
    return sum(bit for keyword, bit in flags if header.get(keyword) in (True, 1))
