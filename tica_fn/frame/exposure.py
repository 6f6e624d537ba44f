"""When a frame was taken, and where its pixels lie in the readout."""

from __future__ import annotations

import attrs

from tica_fn.detector import SHAPE
from tica_fn.immutable import Record

__all__ = ["Place", "Times"]


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Times(Record):
    """Start, middle and end of an exposure, with their time scale and place.

    Parameters
    ----------
    start, mid, end : float
        Days since Julian date `zero`.
    scale : str
        Time scale as astropy names it: ``"tdb"`` or ``"utc"``.
    place : str
        ``"spacecraft"``, or ``"barycenter"`` if the light travel time is included.
    zero : float
        Julian date that the numbers count from; 2457000 for TESS (TJD, BTJD).
    light_d : float
        Light travel time from the spacecraft to the barycentre that is included, in days; 0 for
        times at the spacecraft.
    """

    start: float
    mid: float
    end: float
    scale: str = "tdb"
    place: str = "spacecraft"
    zero: float = 2457000.0
    light_d: float = 0.0


@attrs.frozen(kw_only=True)
class Place:
    """Position of a rectangle of pixels in the full readout, and its number of exposures.

    Parameters
    ----------
    row, column : int
        First row and column, 0-based.
    shape : tuple of int
        Rows and columns.
    coadds : float
        Number of 2 s exposures that were summed.
    """

    row: int = 0
    column: int = 0
    shape: tuple[int, int] = SHAPE
    coadds: float
