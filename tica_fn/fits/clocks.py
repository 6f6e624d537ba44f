"""Times of a frame in the clocks of headers.

All TESS times count days of Barycentric Dynamical Time (TDB) after JD 2457000.  They are measured
at the spacecraft (TICA's ``STARTTJD``, the primary header of SPOC's files) or, with the light
travel time added, at the solar system's barycentre (``TSTART`` of SPOC's images).  ``DATE-OBS`` is
the same instant as ``TSTART``, in UTC.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from tica_fn.clock import CORRECTION_STEP, TIME_CORRECTIONS
from tica_fn.fits.cards import Cards, card
from tica_fn.frame import Frame, Times

__all__ = [
    "correction_cards",
    "raw_clock",
    "reader_time_cards",
    "spacecraft_times",
    "utc_moment",
    "utc_text",
]

_MJD_ZERO = 2400000.5


def utc_moment(times: Times, days: float) -> Any:
    """Time on a frame's clock as an astropy time in UTC."""
    return _utc_moment(times.zero, times.scale, days)


def _utc_moment(zero: float, scale: str, days: float) -> Any:
    from astropy.time import Time

    with warnings.catch_warnings():
        # Future leap seconds are unknown, which astropy warns of.
        warnings.simplefilter("ignore")
        return Time(zero, days, format="jd", scale=scale, precision=3).utc


def utc_text(times: Times, days: float) -> str:
    """Calendar date and time in UTC."""
    return _utc_text(times.zero, times.scale, days)


@lru_cache(maxsize=16)
def _utc_text(zero: float, scale: str, days: float) -> str:
    """The same by the numbers alone: several headers of a product say the same times."""
    return f"{_utc_moment(zero, scale, days).isot}Z"


def _date(frame: Frame, what: str, keyword: str, days: float) -> str:
    """Calendar date of a time: the raw header's, if it is of the same time."""
    said = frame.header.get(f"DATE-{what}")
    if isinstance(said, str) and frame.header.get(keyword) == days:
        return said
    return utc_text(frame.times or Times(start=days, mid=days, end=days), days)


def spacecraft_times(times: Times) -> Times:
    """The same instants at the spacecraft."""
    late = times.light_d
    return Times(
        start=times.start - late,
        mid=times.mid - late,
        end=times.end - late,
        scale=times.scale,
        zero=times.zero,
    )


def raw_clock(frame: Frame, here: Times) -> tuple[float, float]:
    """Start and end by the raw clock, without corrections; otherwise those of `here`."""
    first, last = frame.header.get("STARTTJD"), frame.header.get("ENDTJD")
    if isinstance(first, int | float) and isinstance(last, int | float):
        return first, last
    return here.start, here.end


def correction_cards(frame: Frame) -> Cards:
    """Cards that record the clock corrections of a frame's times."""
    steps = [step for step in frame.steps if step.startswith(CORRECTION_STEP)]
    cards: Cards = []
    for step in steps:
        correction = TIME_CORRECTIONS[step.removeprefix(CORRECTION_STEP)]
        for keyword, seconds in correction.cards(frame.camera, frame.ccd, frame.header):
            cards.append(card(keyword, seconds, f"[s] in TSTART, TSTOP: {correction.what}"))
    return cards


def reader_time_cards(frame: Frame) -> Cards:
    """Times under the names that SPOC's readers look for, and under TICA's."""
    times = frame.times
    if times is None:
        return []
    far = times.place == "barycenter"
    place = "at the barycentre" if far else "at the spacecraft"
    here = spacecraft_times(times)
    raw = frame.header
    first, last = raw_clock(frame, here)
    offset = times.zero - _MJD_ZERO
    return [
        card("TIMEREF", "SOLARSYSTEM" if far else "LOCAL", "barycentric, or at the spacecraft"),
        card("TASSIGN", "SPACECRAFT", "where time is assigned"),
        card("TIMESYS", times.scale.upper(), "time scale of all times but DATE-*"),
        card("BJDREFI", int(times.zero), "integer part of BTJD reference date"),
        card("BJDREFF", times.zero % 1, "fraction of the day in BTJD reference date"),
        card("TIMEUNIT", "d", "unit of TSTART and TSTOP"),
        card("TSTART", times.start, f"[d] start {place}, TDB"),
        card("TSTOP", times.end, f"[d] stop {place}, TDB"),
        card("BARYCORR", times.light_d, "[d] light travel time in TSTART and TSTOP"),
        card("TIMECORR", times.light_d, "[d] the same as BARYCORR"),
        card("DATE-OBS", _date(frame, "OBS", "TSTART", times.start), "TSTART as UTC date"),
        card("DATE-END", _date(frame, "END", "TSTOP", times.end), "TSTOP as UTC date"),
        card("TJD_ZERO", times.zero, "[d] JD that *TJD count from"),
        card("STARTTJD", first, "[d] start at the spacecraft, TDB"),
        card("MIDTJD", raw.get("MIDTJD", here.mid), "[d] middle at the spacecraft, TDB"),
        card("ENDTJD", last, "[d] end at the spacecraft, TDB"),
        card("MJD-BEG", first + offset, "[d] STARTTJD as MJD, TDB"),
        card("MJD-END", last + offset, "[d] ENDTJD as MJD, TDB"),
        *correction_cards(frame),
    ]
