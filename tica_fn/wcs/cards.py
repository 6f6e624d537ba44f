"""Header cards of a solution, with TICA's keywords, and the table of its stars."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.fits.clocks import raw_clock, spacecraft_times
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.wcs.barycenter import barycentric_correction
from tica_fn.wcs.frame_fit import FrameSolution
from tica_fn.wcs.solution import Solution
from tica_fn.wcs.star_blocks import BLOCKS
from tica_fn.wcs.stated import corner_cards

__all__ = ["Card", "solution_cards", "star_columns", "wcs_cards"]

Card = tuple[str, Any, str]
FLUX_WINDOW = 5


def wcs_cards(solution: Solution) -> list[Card]:
    """Cards of the WCS itself.

    Parameters
    ----------
    solution : Solution
        The solution.

    Returns
    -------
    list of tuple
        Keyword, value and comment of each card.
    """
    cards: list[Card] = [
        ("WCSAXES", 2, "number of WCS axes"),
        ("CTYPE1", "RA---TAN-SIP", "gnomonic projection with SIP distortion"),
        ("CTYPE2", "DEC--TAN-SIP", "gnomonic projection with SIP distortion"),
        ("CUNIT1", "deg", "unit of CRVAL1 and CD1"),
        ("CUNIT2", "deg", "unit of CRVAL2 and CD2"),
        ("RADESYS", "ICRS", "celestial reference system"),
        ("CRPIX1", solution.crpix[0], "[pixel] reference column, full readout"),
        ("CRPIX2", solution.crpix[1], "[pixel] reference row, full readout"),
        ("CRVAL1", solution.crval[0], "[deg] right ascension of reference pixel"),
        ("CRVAL2", solution.crval[1], "[deg] declination of reference pixel"),
    ]
    cards += [
        (f"CD{i + 1}_{j + 1}", float(solution.cd[i, j]), "[deg/pixel]")
        for i in range(2)
        for j in range(2)
    ]
    order = solution.order
    for name, matrix, lowest in (
        ("A", solution.a, 2),
        ("B", solution.b, 2),
        ("AP", solution.ap, 1),
        ("BP", solution.bp, 1),
    ):
        cards.append((f"{name}_ORDER", order, "degree of SIP polynomial"))
        cards += [
            (f"{name}_{i}_{j}", float(matrix[i, j]), "SIP coefficient")
            for i in range(order + 1)
            for j in range(order + 1 - i)
            if i + j >= lowest
        ]
    return cards


def solution_cards(
    found: FrameSolution, frame: Frame, state: ArrayLike | None = None
) -> list[Card]:
    """All cards of a frame's solution.

    Parameters
    ----------
    found : FrameSolution
        The solution.
    frame : Frame
        The frame that was solved: its exposure and times are used.
    state : array_like, optional
        (6,) position [km] and velocity [km/s] of the spacecraft from the barycentre, J2000 axes.
        It adds ``MIDBTJD``, the barycentric mid-exposure time for the direction of the reference
        pixel.

    Returns
    -------
    list of tuple
        Keyword, value and comment of each card.
    """
    times = None if frame.times is None else spacecraft_times(frame.times)
    cards: list[Card] = [
        ("EQUINOX", 2000.0, "equinox of the coordinates"),
        ("INSTRUME", "TESS Photometer", "instrument"),
        ("TELESCOP", "TESS", "telescope"),
        ("FILTER", "TESS", "bandpass"),
        ("EXPTIME", round(frame.live_s, 6), "[s] time on source"),
    ]
    if times is not None:
        offset = times.zero - 2400000.5
        start, end = (day + offset for day in raw_clock(frame, times))
        cards += [
            ("TIMESYS", "TDB", "time scale of MJD-BEG and MJD-END"),
            ("MJD-BEG", start, "[d] TDB, start of exposure"),
            ("MJD-END", end, "[d] TDB, end of exposure"),
            ("DATE-BEG", _date(start), "TDB, start of exposure"),
            ("DATE-END", _date(end), "TDB, end of exposure"),
        ]
    if state is not None:
        keys = ("TESS_X", "TESS_Y", "TESS_Z", "TESS_VX", "TESS_VY", "TESS_VZ")
        units = ("km",) * 3 + ("km/s",) * 3
        for key, value, unit in zip(keys, np.asarray(state, float), units, strict=True):
            digits = 2 if unit == "km" else 6
            cards.append((key, round(float(value), digits), f"[{unit}] barycentric, J2000"))
        if times is not None:
            seconds = float(barycentric_correction(*found.solution.crval, state)[0])
            middle = times.mid + seconds / 86400.0
            comment = f"[d] BJD - {times.zero:.0f}, mid exposure, at CRVAL"
            cards.append(("MIDBTJD", middle, comment))
    cards += wcs_cards(found.solution)
    cards += [
        ("RA_TARG", found.solution.crval[0], "[deg] right ascension of reference pixel"),
        ("DEC_TARG", found.solution.crval[1], "[deg] declination of reference pixel"),
    ]
    told = {
        "RMSA": "[arcsec] residual of all good stars",
        "RMSB": "[arcsec] residual of Tmag < 10; -1: none",
        "RMSF": "[arcsec] residual of Tmag > 10; -1: none",
        "RMSAP": "[pixel] residual of all good stars",
        "RMSBP": "[pixel] residual of Tmag < 10; -1: none",
        "RMSBF": "[pixel] residual of Tmag > 10; -1: none",
        "RMSX0": "[arcsec] residual, corner blocks 0 1 5",
        "RMSX1": "[arcsec] residual, corner blocks 3 4 9",
        "RMSX2": "[arcsec] residual, corner blocks 15 20 21",
        "RMSX3": "[arcsec] residual, corner blocks 23 24 19",
    }
    cards += [(key, round(found.rms[key], 6), comment) for key, comment in told.items()]
    cards += [
        ("WCSGDF", round(found.good_fraction, 6), "fraction of reference stars that are good"),
        ("CTRPCOL", BLOCKS, "blocks of reference stars along columns"),
        ("CTRPROW", BLOCKS, "blocks of reference stars along rows"),
        ("FLXWIN", FLUX_WINDOW, "[pixel] side of the square for FLX"),
        ("WCSDEG", found.degree, "degree of the polynomials that were fitted"),
        ("WCSBADB", found.bad_blocks, "blocks with too few good stars"),
    ]
    cards += corner_cards(found.solution)
    expected = {f"ERRX{k}": f"[arcsec] error to expect, corner {k}; -1: unknown" for k in range(4)}
    expected["ERRMAX"] = "[arcsec] largest error to expect; -1: unknown"
    cards += [(key, round(found.expected_error[key], 6), text) for key, text in expected.items()]
    return cards


def _date(mjd: float) -> str:
    """Write a modified Julian date as a calendar date, to the millisecond."""
    moment = datetime(1858, 11, 17) + timedelta(milliseconds=round(mjd * 86400e3))
    return moment.isoformat(timespec="milliseconds")


def star_columns(found: FrameSolution) -> dict[str, Array]:
    """Columns of the table ``WCS_STARS``.

    Parameters
    ----------
    found : FrameSolution
        The solution.

    Returns
    -------
    dict of str to ndarray
        TIC int64; FLXCOL, FLXROW, FLX and BKG float32, 0 where a star was not measured; FLXVALID
        int16: 1 good, 0 failed, -1 clipped, -2 bad block.
    """

    def single(values: Array) -> Array:
        return np.where(np.isfinite(values), values, 0.0).astype(np.float32)

    return {
        "TIC": np.asarray(found.ids, np.int64),
        "FLXCOL": single(found.columns),
        "FLXROW": single(found.rows),
        "FLX": single(found.flux),
        "BKG": single(found.background),
        "FLXVALID": np.asarray(found.valid, np.int16),
    }
