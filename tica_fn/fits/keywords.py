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

from tica_fn.detector import CAMERAS, CCDS, LIVE_FRACTION
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

KEPT_FRACTION = 0.8
"""Part of the exposures that the on-board cosmic-ray mitigation keeps."""
READ_S = 2.0
"""Time from one read of the CCD to the next, in seconds."""

Header = Mapping[str, Any]


def number(path: str | os.PathLike[str], header: Header, *keywords: str) -> float | None:
    """Value of the first of some keywords that is there.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header.
    *keywords : str
        Keywords in the order to try.

    Returns
    -------
    float or None
        The value; None where no keyword is there or it is undefined.

    Raises
    ------
    BadFileError
        If the value is not a finite number.
    """
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
    """Value of the first of some keywords that is there, as an int.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header.
    *keywords : str
        Keywords in the order to try.

    Returns
    -------
    int or None
        The value; None where no keyword is there.

    Raises
    ------
    BadFileError
        If the value is not a whole number.
    """
    value = number(path, header, *keywords)
    if value is None:
        return None
    if value != int(value):
        raise BadFileError(f"{path}: {' or '.join(keywords)} is {value}, not a whole number")
    return int(value)


def detector_number(path: str | os.PathLike[str], header: Header, what: str) -> int:
    """Number of the camera or the CCD.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header.
    what : str
        ``"camera"`` or ``"CCD"``.

    Returns
    -------
    int
        1 to 4.

    Raises
    ------
    BadFileError
        If no keyword says it, or it is not 1 to 4.
    """
    keywords = ("CAMERA", "CAMNUM", "CAM") if what == "camera" else ("CCD", "CCDNUM")
    value = whole_number(path, header, *keywords)
    if value is None:
        raise BadFileError(f"{path}: no {what} number (keyword {' or '.join(keywords)})")
    if value not in (CAMERAS if what == "camera" else CCDS):
        raise BadFileError(f"{path}: {what} {value} is impossible: TESS has 1 to 4")
    return value


def is_spoc_header(header: Header) -> bool:
    """Tell a header that goes back to a SPOC file from one of POC/TSO.

    Parameters
    ----------
    header : mapping
        Header of a raw frame, or of a product made from it.

    Returns
    -------
    bool
        Whether it has SPOC's ``EXPOSURE``.
    """
    return "EXPOSURE" in header


def exposure_of_spoc(path: str | os.PathLike[str], header: Header) -> float:
    """Nominal exposure time of a SPOC full-frame image.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header with ``EXPOSURE`` in days.

    Returns
    -------
    float
        Seconds from one frame to the next, such as 1800.

    Raises
    ------
    BadFileError
        If the keyword is missing or not positive.
    """
    days = number(path, header, "EXPOSURE")
    if days is None:
        raise BadFileError(f"{path}: no exposure time (keyword EXPOSURE)")
    if days <= 0:
        raise BadFileError(f"{path}: EXPOSURE is {days} days, which is impossible")
    return nominal(days * 86400 / KEPT_FRACTION / LIVE_FRACTION)


def exposure_of_poc(path: str | os.PathLike[str], header: Header) -> float:
    """Nominal exposure time of a POC/TSO frame.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header with ``INT_TIME`` in seconds.

    Returns
    -------
    float
        Seconds from one frame to the next, such as 600.

    Raises
    ------
    BadFileError
        If the keyword is missing or not positive.
    """
    seconds = number(path, header, "INT_TIME")
    if seconds is None:
        raise BadFileError(f"{path}: no exposure time (keyword INT_TIME)")
    if seconds <= 0:
        raise BadFileError(f"{path}: INT_TIME is {seconds} s, which is impossible")
    return nominal(seconds)


def nominal(seconds: float) -> float:
    """Whole number of seconds, where rounding of the header alone makes the difference.

    Parameters
    ----------
    seconds : float
        Exposure time worked out from a header.

    Returns
    -------
    float
        The nearest whole number if it is within 0.1 %, else the time as it is.

    Examples
    --------
    >>> from tica_fn.fits.keywords import nominal
    >>> nominal(0.0018333 * 86400 / 0.8 / 0.99)
    200.0
    """
    whole = float(round(seconds))
    return whole if abs(whole - seconds) <= 1e-3 * seconds else seconds


def coadds_of(path: str | os.PathLike[str], header: Header, exposure_s: float) -> float:
    """Number of exposures that were summed.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header, with ``NREADOUT`` in SPOC files.
    exposure_s : float
        Nominal exposure time in seconds, for files without ``NREADOUT``.

    Returns
    -------
    float
        The number.

    Raises
    ------
    BadFileError
        If ``NREADOUT`` is not positive.
    """
    reads = number(path, header, "NREADOUT")
    if reads is None:
        return exposure_s * KEPT_FRACTION / READ_S
    if reads <= 0:
        raise BadFileError(f"{path}: NREADOUT is {reads:g}, which is impossible")
    return reads


def times_of(path: str | os.PathLike[str], header: Header) -> Times | None:
    """Start, middle and end of the exposure, with their clock and place.

    Parameters
    ----------
    path : path-like
        File, for messages.
    header : mapping
        Header.

    Returns
    -------
    Times or None
        Days after JD 2457000 (TDB): ``TSTART`` and ``TSTOP``, where a product has both kinds, as
        corrections go there; None where the header has none.
    """
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
    """Sector, from the header or the file's name.

    Parameters
    ----------
    path : path-like
        File such as ``tess2018349182459-s0006-2-3-0126-s_ffir.fits``.
    header : mapping
        Header.

    Returns
    -------
    int or None
        The sector, where it is said.
    """
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
    """Quality of a whole frame as the raw header says it, in the mission's bits.

    Parameters
    ----------
    header : mapping
        Header of a raw frame or of a product.
    camera : int
        Camera, for the flag of stray light.

    Returns
    -------
    int
        ``DQUALITY`` (or ``QUALITY``) where it is there; else from the flags of POC frames, which
        have them from sector 67 on: 4 coarse pointing, 32 momentum dump, 2048 stray light.

    Examples
    --------
    >>> from tica_fn.fits.keywords import dquality_of
    >>> dquality_of({"COARSE": False, "RW_DESAT": True, "STRAYLT2": True}, camera=2)
    2080
    """
    for keyword in ("DQUALITY", "QUALITY"):
        value = header.get(keyword)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    flags = (*_POC_FLAGS, (f"STRAYLT{camera}", _STRAY_LIGHT))
    return sum(bit for keyword, bit in flags if header.get(keyword) in (True, 1))
