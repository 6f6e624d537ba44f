"""Headers of products in SPOC's layout.

The image's header has the same list of cards in all frames, whatever their raw header has, because
programs that build cubes expect all headers to have the form of the first.  Strings have one
length, and there is no COMMENT, no HISTORY and no integer beyond 32 bits.  SIP coefficients go up
to degree 9, the highest that occurs; those beyond ``A_ORDER`` are 0.  A frame without a celestial
WCS has a linear one instead, which counts columns and rows.

Source: Science Data Products Description Document (EXP-TESS-ARC-ICD-TM-0014).
"""

from __future__ import annotations

from functools import cache

from tica_fn.clock import DAY_S, readout_delay
from tica_fn.detector import AMPLIFIERS, READ_INTERVAL_S
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.clocks import correction_cards, spacecraft_times, utc_text
from tica_fn.fits.physical_wcs import origin_of, physical_cards
from tica_fn.fits.provenance import date_card, provenance_cards, software, steps_of
from tica_fn.fits.reader_cards import flag_cards, frame_quality
from tica_fn.fits.spoc_readout import (
    EXPOSED_S,
    READ_OUT_S,
    places_of_columns,
    places_of_rows,
)
from tica_fn.fits.spoc_sky import fit_cards, raw_value, sky_cards
from tica_fn.frame import Frame, Times

__all__ = ["image_cards", "primary_cards", "spoc_uncertainty_cards"]

_OF_THE_INPUT = ("ORIGIN", "CREATOR", "PROCVER", "DATE", "FILEVER", "RAWFILE", "RAWCRC")


def _times(frame: Frame) -> Times:
    """The frame's times, or zeros."""
    return frame.times or Times(start=0.0, mid=0.0, end=0.0)


def primary_cards(frame: Frame, extensions: int) -> Cards:
    """Cards of the primary HDU."""
    times = spacecraft_times(_times(frame))
    cards = [
        card("SIMPLE", True, "conforms to FITS standard"),
        card("BITPIX", 8, "array data type"),
        card("NAXIS", 0, "number of array dimensions"),
        card("EXTEND", True, "file contains extensions"),
        card("NEXTEND", extensions, "number of standard extensions"),
        card("EXTNAME", "PRIMARY", "name of extension"),
        card("EXTVER", 1, "extension version number (not format version)"),
        card("SIMDATA", raw_value(frame, "SIMDATA", False), "file is based on simulated data"),
        card("ORIGIN", "tica-fn", "not SPOC: calibrated by tica-fn in SPOC's layout"),
        date_card(),
        card("TSTART", times.start, "[d] start in TJD, TDB at the spacecraft"),
        card("TSTOP", times.end, "[d] stop in TJD, TDB at the spacecraft"),
        card("DATE-OBS", utc_text(times, times.start), "TSTART as UTC calendar date"),
        card("DATE-END", utc_text(times, times.end), "TSTOP as UTC calendar date"),
        card("TIMVERSN", "OGIP/93-003", "OGIP memo number for file format"),
        card("TELESCOP", "TESS", "telescope"),
        card("INSTRUME", "TESS Photometer", "detector type"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        card("SECTOR", frame.sector or 0, "observing sector; 0 where not known"),
        card("DATA_REL", raw_value(frame, "DATA_REL", 0), "data release of the raw file"),
        card("ASTATE", raw_value(frame, "ASTATE", False), "archive state of the raw file"),
        card("SCCONFIG", raw_value(frame, "SCCONFIG", 0), "spacecraft configuration ID"),
        card("RADESYS", "ICRS", "reference frame of celestial coordinates"),
        card("EQUINOX", 2000.0, "equinox of celestial coordinate system"),
        card(
            "CRMITEN",
            raw_value(frame, "CRMITEN", raw_value(frame, "CRM", True)),
            "spacecraft cosmic ray mitigation enabled",
        ),
        card(
            "CRBLKSZ",
            raw_value(frame, "CRBLKSZ", raw_value(frame, "CRM_N", 10)),
            "[exposures] s/c cosmic ray mitigation block",
        ),
        card("CRSPOC", False, "cosmic rays were removed on the ground"),
        card("FFIINDEX", frame.cadence or 0, "number of FFI cadence interval"),
        card("IMAGTYPE", "cal", "FFI image type"),
        *provenance_cards(frame),
        *flag_cards(frame.header),
        *correction_cards(frame),
    ]
    said = {keyword: frame.header.get(keyword) for keyword in _OF_THE_INPUT}
    cards += [
        card("HISTORY", f"Original header {keyword} = {value}")
        for keyword, value in said.items()
        if isinstance(value, str) and value not in ("tica-fn", software())
    ]
    cards.append(card("HISTORY", _who_calibrated(frame)))
    if "UNITS" in frame.header and "estimate_variance" not in (steps_of(frame.header) or ()):
        missing = "Uncertainties are without the noise of the smear, as it is not known any more."
        cards.append(card("HISTORY", missing))
    return cards


def _who_calibrated(frame: Frame) -> str:
    """Say who calibrated the pixels, which may be another program."""
    header = frame.header
    tica, version = str(header.get("TICAVER", "")), str(header.get("PROCVER", ""))
    if tica and not tica.startswith("tica-fn"):
        return f"Calibrated by TICA {tica}; put in SPOC's layout by tica-fn."
    if header.get("IMAGTYPE") == "cal" and not version.startswith("tica-fn"):
        return f"Calibrated by {version or 'another pipeline'}; written anew by tica-fn."
    return "Calibrated from the raw file by tica-fn, not by the SPOC pipeline."


def image_cards(frame: Frame) -> Cards:
    """Cards of the image's header after those of the structure."""
    times = _times(frame)
    far = times.place == "barycenter"
    here = spacecraft_times(times)
    offset = times.zero - 2400000.5
    live = frame.live_s / DAY_S
    shift = _shift(frame)
    gains = frame.provenance.gain if frame.provenance is not None else ()
    name = f"CAMERA.CCD {frame.camera}.{frame.ccd} cal"
    delay = readout_delay(frame.camera, frame.ccd)
    delay_keyword = f"TMOFST{frame.camera}{frame.ccd}"
    quality = frame_quality(frame) & 0x7FFFFFFF
    frames = round(frame.exposure_s / READ_INTERVAL_S)
    return [
        card("INHERIT", True, "inherit the primary header"),
        card("EXTNAME", name, "name of extension"),
        card("EXTVER", 1, "extension version number (not format version)"),
        card("SIMDATA", raw_value(frame, "SIMDATA", False), "file is based on simulated data"),
        card("TELESCOP", "TESS", "telescope"),
        card("INSTRUME", "TESS Photometer", "detector type"),
        card("FILTER", "TESS", "bandpass"),
        card("SECTOR", frame.sector or 0, "observing sector; 0 where not known"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        card("EXPOSURE", live, "[d] time on source"),
        card("TIMEREF", "SOLARSYSTEM" if far else "LOCAL", "barycentric, or at the spacecraft"),
        card("TASSIGN", "SPACECRAFT", "where time is assigned"),
        card("TIMESYS", "TDB", "time system is Barycentric Dynamical Time (TDB)"),
        card("BJDREFI", int(times.zero), "integer part of BTJD reference date"),
        card("BJDREFF", times.zero % 1, "fraction of the day in BTJD reference date"),
        card("TIMEUNIT", "d", "time unit for TIME, TSTART and TSTOP"),
        card("TELAPSE", times.end - times.start, "[d] TSTOP - TSTART"),
        card("LIVETIME", live, "[d] time in which light was collected"),
        card("EXPTIME", round(frame.live_s, 6), "[s] the same in seconds"),
        card("TSTART", times.start, "[d] start, TDB, at the place that TIMEREF says"),
        card("TSTOP", times.end, "[d] stop, TDB, at the place that TIMEREF says"),
        card("DATE-OBS", utc_text(times, times.start), "TSTART as UTC calendar date"),
        card("DATE-END", utc_text(times, times.end), "TSTOP as UTC calendar date"),
        card("MJD-BEG", here.start + offset, "[d] start at the spacecraft as MJD, TDB"),
        card("MJD-END", here.end + offset, "[d] stop at the spacecraft as MJD, TDB"),
        card("DEADC", frame.live_s / frame.exposure_s, "deadtime correction"),
        card("TIMEPIXR", 0.5, "bin time beginning=0 middle=0.5 end=1"),
        card("TIERRELA", raw_value(frame, "TIERRELA", 1.16e-5), "[d] relative time error"),
        *_moved(frame, "BTC_PIX1", shift[1], "reference column of the time correction"),
        *_moved(frame, "BTC_PIX2", shift[0], "reference row of the time correction"),
        card("BUNIT", "electron/s", "unit of the image"),
        card("BARYCORR", times.light_d, "[d] light travel time in TSTART and TSTOP"),
        card("TIMECORR", times.light_d, "[d] the same as BARYCORR"),
        card("INT_TIME", EXPOSED_S, "[s] photon accumulation time per frame"),
        card("READTIME", READ_OUT_S, "[s] readout time per frame"),
        card("FRAMETIM", READ_INTERVAL_S, "[s] frame time (INT_TIME + READTIME)"),
        card("NUM_FRM", frames, "number of frames per time stamp"),
        card("TIMEDEL", frame.exposure_s / DAY_S, "[d] time resolution of data"),
        card("BACKAPP", False, "background is subtracted"),
        card("DEADAPP", True, "deadtime applied"),
        card("VIGNAPP", "divide_flat" in frame.steps, "vignetting correction applied"),
        *_of_amplifiers(frame, "GAIN", "[electrons/count] CCD output {} gain", gains),
        *_of_amplifiers(frame, "READNOI", "[electrons] read noise {}; 0: not known"),
        card("NREADOUT", round(frame.coadds), "number of reads per cadence"),
        card("FXDOFF", raw_value(frame, "FXDOFF", 0), "compression fixed offset"),
        *_readout_cards(),
        card(delay_keyword, raw_value(frame, delay_keyword, delay), "[s] readout delay"),
        *(
            card(f"MEANBLC{x}", raw_value(frame, f"MEANBLC{x}", 0), f"[count] FSW mean black, {x}")
            for x in AMPLIFIERS
        ),
        *sky_cards(frame, shift),
        *physical_cards(frame.row, frame.column),
        *fit_cards(frame),
        *(
            card(
                keyword, raw_value(frame, keyword, 0.0), f"[deg] nominal {what}; 0 where not known"
            )
            for keyword, what in (("RA_NOM", "RA"), ("DEC_NOM", "Dec"), ("ROLL_NOM", "roll"))
        ),
        card("FFIINDEX", frame.cadence or 0, "number of FFI cadence interval"),
        card("CADENCEN", frame.cadence or 0, "the same, for lightkurve"),
        card("DQUALITY", quality, "data quality flags"),
        card("QUALITY", quality, "the same, for lightkurve"),
        card("IMAGTYPE", "cal", "FFI image type"),
    ]


def spoc_uncertainty_cards(frame: Frame) -> Cards:
    """Cards of the uncertainty's header after those of the structure."""
    name = f"CAMERA.CCD {frame.camera}.{frame.ccd} uncert"
    return [
        card("INHERIT", True, "inherit the primary header"),
        card("EXTNAME", name, "name of extension"),
        card("EXTVER", 1, "extension version number (not format version)"),
        card("TELESCOP", "TESS", "telescope"),
        card("INSTRUME", "TESS Photometer", "detector type"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        card("BUNIT", "electron/s", "unit: standard deviation of the image"),
        *physical_cards(frame.row, frame.column),
    ]


def _shift(frame: Frame) -> tuple[int, int]:
    row, column = origin_of(frame.header)
    return row - frame.row, column - frame.column


def _moved(frame: Frame, keyword: str, shift: int, comment: str) -> Cards:
    return [card(keyword, raw_value(frame, keyword, 0.0) + shift, comment)]


def _of_amplifiers(frame: Frame, stem: str, comment: str, known: tuple[float, ...] = ()) -> Cards:
    return [
        card(stem + x, known[k] if known else raw_value(frame, stem + x, 0.0), comment.format(x))
        for k, x in enumerate(AMPLIFIERS)
    ]


_OF_COLUMNS = {
    "LVCS": "leading virtual column start, output {}",
    "LVCE": "leading virtual column end, output {}",
    "TVCS": "trailing virtual column start, output {}",
    "TVCE": "trailing virtual column end, output {}",
    "SCCS": "science column start, output {}",
    "SCCE": "science column end, output {}",
    "SCICOLH": "science columns are read in rising order",
}


@cache
def _readout_cards() -> Cards:
    return [
        *(
            card(stem + x, value, _OF_COLUMNS[stem].format(x))
            for x in AMPLIFIERS
            for stem, value in places_of_columns(x)
        ),
        *(
            card(keyword, value, f"{'first' if keyword.endswith('S') else 'last'} of these rows")
            for keyword, value in places_of_rows()
        ),
    ]
