"""What headers of any layout say of an image: camera and CCD, exposure, times, unit.

As lenient as a solution allows: keywords of TICA's and of SPOC's files, numbers written as text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import FrameError
from tica_fn.frame import ADU, ELECTRON, Frame, Times
from tica_fn.immutable import Array

__all__ = ["frame_of_header"]

_SECTOR_IN_NAME = re.compile(r"[-_]s(\d{4})[-_]")


def frame_of_header(
    pixels: Array, header: Any, name: str, camera: int | None = None, ccd: int | None = None
) -> Frame:
    """Make a frame of pixels and a header of any of the layouts.

    `pixels`: (2078, 2136) image.
    """
    camera = _agree(name, "camera", camera, header, ("CAMERA", "CAM", "CAMNUM"))
    ccd = _agree(name, "ccd", ccd, header, ("CCD", "CCDNUM"))
    named = _SECTOR_IN_NAME.search(Path(name).name)
    told = _number(header, name, "SECTOR")
    sector = int(told) if told else int(named.group(1)) if named else None
    exposure = _exposure(header, name, sector)
    unit = str(header.get("BUNIT", header.get("UNITS", ""))).strip().lower()
    raw = "ffir" in Path(name).name or unit.startswith(("adu", "count", "dn"))
    raw = raw or (not unit and pixels.dtype.kind in "iu")
    if unit in ("e-/s", "electron/s", "electrons/s", "e/s"):
        pixels = np.asarray(pixels * np.float32(exposure * 0.8 * 0.99), np.float32)
    return Frame(
        pixels=pixels,
        unit=ADU if raw else ELECTRON,
        camera=camera,
        ccd=ccd,
        exposure_s=exposure,
        coadds=_number(header, name, "NREADOUT") or exposure * 0.8 / 2.0,
        sector=sector,
        cadence=header.get("CADENCE", header.get("FFIINDEX")),
        times=_times(header, name),
    )


def _agree(name: str, what: str, given: int | None, header: Any, keys: tuple[str, ...]) -> int:
    numbers = (_number(header, name, key) for key in keys)
    told = next((int(number) for number in numbers if number is not None), None)
    if told is not None and given is not None and told != given:
        raise FrameError(f"{name}: {what} {given} was asked for, the header says {told}")
    if told is None and given is None:
        raise FrameError(f"{name}: the header has no {' or '.join(keys)}; give --{what}")
    number = int(told if told is not None else given)  # type: ignore[arg-type]
    if not 1 <= number <= 4:
        raise FrameError(f"{name}: {what} {number}: TESS has cameras 1 to 4 with CCDs 1 to 4")
    return number


def _number(header: Any, name: str, key: str) -> float | None:
    """Read a number that may be written as text; None where there is no value."""
    value = header.get(key)
    if value is None or type(value).__name__ == "Undefined" or str(value).strip() == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        raise FrameError(f"{name}: {key} is {value!r}, not a number")
    return found


def _exposure(header: Any, name: str, sector: int | None) -> float:
    """Interval from frame to frame in seconds, from whichever keyword says it."""
    interval = _number(header, name, "INT_TIME") or 0.0
    if interval >= 10:  # TICA; in SPOC's headers it is 1.98
        return interval
    days, live = (_number(header, name, key) or 0.0 for key in ("EXPOSURE", "EXPTIME"))
    seconds = days * 86400.0 or live
    if seconds > 0:
        nominal = seconds / 0.8 / 0.99
        return min((20.0, 120.0, 200.0, 600.0, 1800.0), key=lambda s: abs(np.log(s / nominal)))
    if sector is None:
        return 1800.0
    return 1800.0 if sector <= 26 else 600.0 if sector <= 55 else 200.0


def _times(header: Any, name: str) -> Times | None:
    """Start, middle and end at the spacecraft, by the keywords of any layout."""

    def numbers(*keys: str) -> list[float | None]:
        return [_number(header, name, key) for key in keys]

    def between(start: float, end: float, mid: float | None, zero: float) -> Times:
        return Times(start=start, mid=mid or (start + end) / 2, end=end, zero=zero)

    zero, start, mid, end = numbers("TJD_ZERO", "STARTTJD", "MIDTJD", "ENDTJD")
    zero = 2457000.0 if zero is None else zero
    if start is not None and end is not None:
        return between(start, end, mid, zero)
    if mid is not None:
        return between(mid, mid, mid, zero)
    start, end, whole, part, light = numbers("TSTART", "TSTOP", "BJDREFI", "BJDREFF", "BARYCORR")
    if start is not None and end is not None:
        zero = (2457000.0 if whole is None else whole) + (part or 0.0)
        return between(start - (light or 0.0), end - (light or 0.0), None, zero)
    start, end = numbers("MJD-BEG", "MJD-END")
    if start is not None and end is not None:
        offset = zero - 2400000.5
        return between(start - offset, end - offset, None, zero)
    return None
