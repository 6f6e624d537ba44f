"""The facts in headers of frames: camera, CCD, exposure, coadds, times.

Only this module knows how the two kinds of full-frame image differ.  Products have the keywords of
the kind that they were made from.

=============  ======================================  ====================================
what           SPOC ``*_ffir.fits``                    POC/TSO camera frame
=============  ======================================  ====================================
image          HDU 1, one CCD, 2078 x 2136             primary, four CCDs, 4156 x 4272
camera, CCD    ``CAMERA``, ``CCD``                     ``CAM``; the CCD by its quadrant
exposure [s]   ``EXPOSURE`` [d] * 86400 / 0.8 / 0.99   ``INT_TIME``
coadds         ``NREADOUT``                            ``INT_TIME * 0.8 / 2``, see below
cadence        ``FFIINDEX`` (from sector 6 on)         ``CADENCE``
times          ``TSTART``, ``TSTOP``                   ``STARTTJD``, ``MIDTJD``, ``ENDTJD``
sector         the file's name                         by the orbit, ``ORBIT_ID``
flags          ``DQUALITY``                            ``COARSE``, ``RW_DESAT``, ``STRAYLT1..4``
=============  ======================================  ====================================

0.8 comes from the on-board cosmic-ray mitigation, which discards 2 of 10 exposures, or 2 of
``CRM_N``.  If the header says that it was off (``CRM = F``, ``CRMITEN = F``), nothing was
discarded.  0.99 is the live fraction of a 2 s exposure.  In a SPOC header ``INT_TIME`` is the
1.98 s of one exposure.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from tica_fn.clock import DAY_S
from tica_fn.detector import CAMERAS, CCDS, KEPT_FRACTION, LIVE_FRACTION, READ_INTERVAL_S
from tica_fn.errors import BadFileError
from tica_fn.fits.orbits import sector_of_orbit
from tica_fn.frame import Times

__all__ = [
    "coadds_of",
    "detector_number",
    "dquality_of",
    "exposure_of",
    "facts_of",
    "is_spoc_header",
    "kept_fraction",
    "number",
    "sector_of",
    "times_of",
    "whole_number",
]

_ZERO = 2457000.0
"""Julian date that days are counted from if the header does not say."""
_MJD_ZERO = 2400000.5
_DROPPED = 2
"""Exposures of a block that the mitigation drops: the highest and the lowest."""
_READS_OFF = 0.02
"""Largest relative error of an exposure time due to rounding in a header."""
_ROUNDING_D = 1e-8
"""Largest error of a middle time due to rounding in a header, days."""
Keywords = Mapping[str, Any]


def number(path: str | os.PathLike[str], header: Keywords, *keywords: str) -> float | None:
    """Value of the first of these keywords in the header, or None."""
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


def whole_number(path: str | os.PathLike[str], header: Keywords, *keywords: str) -> int | None:
    """Value of the first of these keywords in the header as an int, or None."""
    value = number(path, header, *keywords)
    if value is None:
        return None
    if value != int(value):
        raise BadFileError(f"{path}: {' or '.join(keywords)} is {value}, not a whole number")
    return int(value)


def detector_number(path: str | os.PathLike[str], header: Keywords, what: str) -> int:
    """Number of the camera or the CCD."""
    keywords = ("CAMERA", "CAMNUM", "CAM") if what == "camera" else ("CCD", "CCDNUM")
    value = whole_number(path, header, *keywords)
    if value is None:
        raise BadFileError(f"{path}: no {what} number (keyword {' or '.join(keywords)})")
    if value not in (CAMERAS if what == "camera" else CCDS):
        raise BadFileError(f"{path}: {what} {value} is impossible: TESS has 1 to 4")
    return value


def is_spoc_header(header: Keywords) -> bool:
    """Tell whether a header comes from a SPOC file rather than POC/TSO's."""
    return "EXPOSURE" in header


def facts_of(path: str | os.PathLike[str], header: Keywords, **known: int) -> dict[str, Any]:
    """What a header says of its frame, whatever kind of file it is of.

    `known`: ``camera`` or ``ccd``, which take precedence over the header.
    """
    exposure_s = exposure_of(path, header)
    coadds = coadds_of(path, header, exposure_s)
    _check_reads(path, header, exposure_s, coadds)
    cadence = ("FFIINDEX", "CADENCE") if is_spoc_header(header) else ("CADENCE", "FFIINDEX")
    return {
        "camera": known.get("camera") or detector_number(path, header, "camera"),
        "ccd": known.get("ccd") or detector_number(path, header, "CCD"),
        "exposure_s": exposure_s,
        "coadds": coadds,
        "sector": sector_of(path, header),
        "cadence": whole_number(path, header, *cadence),
        "times": times_of(path, header, exposure_s),
    }


def exposure_of(path: str | os.PathLike[str], header: Keywords) -> float:
    """Nominal exposure time, from one frame to the next."""
    days, interval = number(path, header, "EXPOSURE"), number(path, header, "INT_TIME")
    if interval is not None and interval <= 0:
        raise BadFileError(f"{path}: INT_TIME is {interval:g} s, which is impossible")
    if days is None:
        if interval is None:
            raise BadFileError(f"{path}: no exposure time (keyword EXPOSURE or INT_TIME)")
        if interval < READ_INTERVAL_S:
            raise BadFileError(
                f"{path}: no exposure time (keyword EXPOSURE; INT_TIME is the time of one read)"
            )
        return nominal(interval)
    if days <= 0:
        raise BadFileError(f"{path}: EXPOSURE is {days} days, which is impossible")
    live, reads = days * DAY_S, number(path, header, "NREADOUT")
    kept = KEPT_FRACTION
    if reads is not None and math.isclose(
        live, reads * READ_INTERVAL_S * LIVE_FRACTION, rel_tol=0.01
    ):
        kept = kept_fraction(path, header)
    seconds = nominal(live / kept / LIVE_FRACTION)
    whole = interval is not None and interval >= READ_INTERVAL_S
    if whole and not math.isclose(interval or 0.0, seconds, rel_tol=0.01):
        raise BadFileError(
            f"{path}: EXPOSURE says {seconds:g} s from frame to frame, INT_TIME {interval:g} s: "
            "they contradict each other"
        )
    return seconds


def nominal(seconds: float) -> float:
    """Round to whole seconds if the difference is due to rounding in the header."""
    whole = float(round(seconds))
    return whole if abs(whole - seconds) <= 1e-3 * seconds else seconds


def coadds_of(path: str | os.PathLike[str], header: Keywords, exposure_s: float) -> float:
    """Number of exposures that were summed."""
    reads = number(path, header, "NREADOUT")
    if reads is None:
        return exposure_s * kept_fraction(path, header) / READ_INTERVAL_S
    if reads <= 0:
        raise BadFileError(f"{path}: NREADOUT is {reads:g}, which is impossible")
    return reads


def _check_reads(
    path: str | os.PathLike[str], header: Keywords, exposure_s: float, reads: float
) -> None:
    """Refuse an exposure time and a number of reads that can't both be right."""
    days = number(path, header, "EXPOSURE")
    if days is None or number(path, header, "NREADOUT") is None:
        return
    # EXPOSURE may be the time of the summed reads, or that of the default number of reads.
    times = (reads * READ_INTERVAL_S * LIVE_FRACTION, exposure_s * KEPT_FRACTION * LIVE_FRACTION)
    taken = exposure_s / READ_INTERVAL_S * kept_fraction(path, header)
    agree = math.isclose(days * DAY_S, times[0], rel_tol=_READS_OFF) or (
        math.isclose(days * DAY_S, times[1], rel_tol=_READS_OFF)
        and math.isclose(reads, taken, rel_tol=_READS_OFF)
    )
    if not agree:
        raise BadFileError(
            f"{path}: EXPOSURE says {days * DAY_S:.2f} s of light, NREADOUT {reads:g} reads of "
            f"{READ_INTERVAL_S * LIVE_FRACTION:g} s: they contradict each other"
        )


def kept_fraction(path: str | os.PathLike[str], header: Keywords) -> float:
    """Part of the exposures that the on-board mitigation of cosmic rays left in the sum.

    1 if it was off (``CRM``, ``CRMITEN``); otherwise all but two of a block (``CRM_N``,
    ``CRBLKSZ``), which has ten if the header does not say.
    """
    switches = [value for name in ("CRM", "CRMITEN") if (value := header.get(name)) is not None]
    if switches and switches[0] in (False, "F"):
        return 1.0
    block = number(path, header, "CRM_N", "CRBLKSZ")
    if block is None:
        return KEPT_FRACTION
    return (block - _DROPPED) / block if block > _DROPPED else 1.0


def times_of(
    path: str | os.PathLike[str], header: Keywords, exposure_s: float = 0.0
) -> Times | None:
    """Start, middle and end of the exposure, with their clock and place.

    ``TSTART`` and ``TSTOP`` take precedence: in products they are the corrected times, while
    ``STARTTJD`` and ``ENDTJD`` are the raw clock's.
    """

    def numbers(*keywords: str) -> list[float | None]:
        return [number(path, header, keyword) for keyword in keywords]

    start, end, whole, part, light = numbers("TSTART", "TSTOP", "BJDREFI", "BJDREFF", "BARYCORR")
    raw_start, raw_mid, raw_end, zero = numbers("STARTTJD", "MIDTJD", "ENDTJD", "TJD_ZERO")
    zero = _ZERO if zero is None else zero
    if start is not None and end is not None:
        reference = header.get("TIMEREF")
        far = reference == "SOLARSYSTEM" or (reference is None and bool(light))
        mid = 0.5 * (start + end)
        if raw_start is not None and raw_end is not None and raw_mid is not None:
            # Corrections moved the raw middle as they moved start and end.
            off = raw_mid - 0.5 * (raw_start + raw_end)
            if (start, end) == (raw_start, raw_end):
                mid = raw_mid
            elif abs(off) > _ROUNDING_D:
                mid += off
        return Times(
            start=start,
            mid=mid,
            end=end,
            place="barycenter" if far else "spacecraft",
            zero=(_ZERO if whole is None else whole) + (part or 0.0),
            light_d=(light or 0.0) if far else 0.0,
        )
    if raw_start is not None and raw_end is not None:
        mid = 0.5 * (raw_start + raw_end) if raw_mid is None else raw_mid
        return Times(start=raw_start, mid=mid, end=raw_end, zero=zero)
    if raw_mid is not None:
        half = 0.5 * exposure_s / DAY_S
        return Times(start=raw_mid - half, mid=raw_mid, end=raw_mid + half, zero=zero)
    start, end = numbers("MJD-BEG", "MJD-END")
    if start is not None and end is not None:
        start, end = (day + _MJD_ZERO - zero for day in (start, end))
        return Times(start=start, mid=0.5 * (start + end), end=end, zero=zero)
    return None


def sector_of(path: str | os.PathLike[str], header: Keywords) -> int | None:
    """Sector, from the header, the file's name or the orbit; None if unknown."""
    value = whole_number(path, header, "SECTOR")
    if value:  # 0: not known
        return value
    match = re.search(r"[-_]s(\d{4})[-_]", PurePath(path).name)
    if match:
        return int(match[1])
    orbit = whole_number(path, header, "ORBIT_ID")
    return None if orbit is None else sector_of_orbit(orbit)


_POC_FLAGS = (("COARSE", 4), ("RW_DESAT", 32))
_STRAY_LIGHT = 2048


def dquality_of(header: Keywords, camera: int) -> int:
    """Quality of a frame in the raw header, in the mission's bits."""
    for keyword in ("DQUALITY", "QUALITY"):
        value = header.get(keyword)
        with contextlib.suppress(TypeError, ValueError):  # Ignore values that are not numbers.
            number = float(value)  # type: ignore[arg-type]
            if not isinstance(value, bool) and number == int(number):
                return int(number)
    flags = (*_POC_FLAGS, (f"STRAYLT{camera}", _STRAY_LIGHT))
    return sum(bit for keyword, bit in flags if header.get(keyword) in (True, 1))
