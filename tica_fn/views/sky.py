"""The WCS, the times and the pixels of a frame as astropy objects."""

from __future__ import annotations

import re
import warnings
from typing import Any, Self

from astropy.io import fits
from astropy.time import Time
from astropy.units import Quantity
from astropy.wcs import WCS, FITSFixedWarning

from tica_fn.fits.physical_wcs import origin_of
from tica_fn.frame import Frame

__all__ = ["ExposureTime", "map_header", "quantity_of", "time_of", "wcs_of"]

_MAP = re.compile(
    r"WCSAXES|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|P[VS][12]_\d+|"
    r"LONPOLE|LATPOLE|RADESYS|EQUINOX|(A|B|AP|BP)_(\d_\d|ORDER|DMAX)"
)


def map_header(frame: Frame, origin: tuple[int, int] | None = None) -> fits.Header:
    """Cards of the celestial WCS relative to a pixel of the readout; empty without a WCS.

    `origin` is that pixel's row and column, by default those of the frame's first pixel.
    """
    header = frame.header
    found = fits.Header()
    if not str(header.get("CTYPE1", "")).startswith("RA"):
        return found
    for keyword in header:
        value = header[keyword] if _MAP.fullmatch(keyword) else None
        if value is not None and not isinstance(value, fits.card.Undefined):
            found[keyword] = value
    row, column = origin_of(header)
    first = (frame.row, frame.column) if origin is None else origin
    for keyword, shift in (("CRPIX1", column - first[1]), ("CRPIX2", row - first[0])):
        if keyword in found:
            found[keyword] = found[keyword] + shift
    return found


def wcs_of(
    frame: Frame, origin: tuple[int, int] | None = None, shape: tuple[int, int] | None = None
) -> WCS | None:
    """The celestial WCS in a frame's header, or None.

    Pixels count from the frame's first pixel, or from `origin` in the readout for a rectangle of
    that `shape`.
    """
    header = map_header(frame, origin)
    if not header:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        found = WCS(header, relax=True)
    if not found.has_celestial:
        return None
    found.array_shape = shape or frame.shape
    return found


class ExposureTime(Time):  # type: ignore[misc]
    """The middle of an exposure as a `~astropy.time.Time`, with its start and end.

    Attributes
    ----------
    start, mid, end : astropy.time.Time
        Moments of the exposure, in the same scale.
    place : str
        ``"spacecraft"``, or ``"barycenter"`` if the times include the light travel time.
    """

    start: Time
    mid: Time
    end: Time
    place: str

    @classmethod
    def of(cls, start: Time, mid: Time, end: Time, place: str) -> Self:
        """Make the object from three moments."""
        made = cls(mid)
        made.start, made.mid, made.end, made.place = start, mid, end, place
        return made


def time_of(frame: Frame) -> ExposureTime | None:
    """The time of a frame, or None if its header has none."""
    times = frame.times
    if times is None:
        return None

    def moment(days: float) -> Any:
        return Time(times.zero, days, format="jd", scale=times.scale)

    return ExposureTime.of(moment(times.start), moment(times.mid), moment(times.end), times.place)


def quantity_of(frame: Frame) -> Quantity:
    """The pixels with their unit; the array is shared and read-only."""
    return Quantity(frame.pixels, frame.unit, copy=False, dtype=frame.pixels.dtype)
