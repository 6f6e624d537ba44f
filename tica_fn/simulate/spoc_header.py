"""Headers of a raw full-frame image in the mission's format.

Order, types and comments follow the Science Data Products Description Document (EXP-TESS-ARC-ICD-
TM-0014) and headers of collateral files of sector 6.
"""

from __future__ import annotations

from tica_fn.clock import DAY_S, readout_delay
from tica_fn.detector import AMPLIFIERS, KEPT_FRACTION, LIVE_FRACTION, amplifiers
from tica_fn.fits.spoc_readout import EXPOSED_S, READ_OUT_S, places_of_columns, places_of_rows
from tica_fn.frame import Frame, Times
from tica_fn.simulate.frame_times import barycentric_days, utc
from tica_fn.simulate.raw_file import Card
from tica_fn.simulate.star_places import sip_cards

__all__ = ["detector_cards", "raw_image_cards", "raw_primary_cards", "times_or_zero"]

_OF_COLUMNS = {
    "LVCS": "leading virtual column start, output {}",
    "LVCE": "leading virtual column end, output {}",
    "TVCS": "trailing virtual column start, output {}",
    "TVCE": "trailing virtual column end, output {}",
    "SCCS": "science col start, output {}",
    "SCCE": "science col end, output {}",
    "SCICOLH": "T science cols are read increasing order else d",
}
_OF_ROWS = {"SCI": "science", "V": "virtual", "SM": "smear", "BF": "buffer"}


def times_or_zero(frame: Frame) -> Times:
    """Times of a frame, or times from day 0 if it has none."""
    length = frame.exposure_s / DAY_S
    return frame.times or Times(start=0.0, mid=length / 2, end=length)


def raw_primary_cards(frame: Frame) -> list[Card]:
    """Cards of the primary HDU, except structural keywords."""
    times = times_or_zero(frame)
    return [
        ("NEXTEND", 1, "number of standard extensions"),
        ("EXTNAME", "PRIMARY", "name of extension"),
        ("EXTVER", 1, "extension version number (not format version)"),
        ("SIMDATA", True, "file is based on simulated data"),
        ("ORIGIN", "tica-fn", "institution responsible for creating this file"),
        ("DATE", utc(times.end).isot[:10], "file creation date"),
        ("TSTART", times.start, "observation start time in TJD"),
        ("TSTOP", times.end, "observation stop time in TJD"),
        ("DATE-OBS", f"{utc(times.start).isot}Z", "TSTART as UTC calendar date"),
        ("DATE-END", f"{utc(times.end).isot}Z", "TSTOP as UTC calendar date"),
        ("CREATOR", "tica-fn simulate", "program used to produce file"),
        ("PROCVER", "simulated", "SW version"),
        ("FILEVER", "1.0", "file format version"),
        ("IMAGTYPE", "uncal", "FFI image type"),
        ("TIMVERSN", "OGIP/93-003", "OGIP memo number for file format"),
        ("TELESCOP", "TESS", "telescope"),
        ("INSTRUME", "TESS Photometer", "detector type"),
        ("DATA_REL", 0, "data release version number"),
        ("ASTATE", True, "archive state F indicates single orbit processing"),
        ("SCCONFIG", 0, "spacecraft configuration ID"),
        ("RADESYS", "ICRS", "reference frame of celestial coordinates"),
        ("EQUINOX", 2000.0, "equinox of celestial coordinate system"),
        ("CRMITEN", frame.header.get("CRMITEN", True), "spacecraft cosmic ray mitigation enabled"),
        ("CRBLKSZ", 10, "[exposures] s/c cosmic ray mitigation block size"),
        ("FFIINDEX", frame.cadence or 0, "number of FFI cadence interval"),
    ]


def detector_cards(frame: Frame, outputs: str = "ABCD") -> list[Card]:
    """Cards of exposure, amplifiers and layout of the readout."""
    constants = amplifiers(frame.camera, frame.ccd)
    interval = frame.exposure_s
    cards: list[Card] = [
        ("INT_TIME", EXPOSED_S, "[s] photon accumulation time per frame"),
        ("READTIME", READ_OUT_S, "[s] readout time per frame"),
        ("FRAMETIM", EXPOSED_S + READ_OUT_S, "[s] frame time (INT_TIME + READTIME)"),
        ("NUM_FRM", round(interval / 2.0), "number of frames per time stamp"),
        ("TIMEDEL", interval / DAY_S, "[d] time resolution of data"),
        ("BACKAPP", False, "background is subtracted"),
        ("DEADAPP", False, "deadtime applied"),
        ("VIGNAPP", False, "vignetting or collimator correction applied"),
    ]
    for k, x in enumerate(AMPLIFIERS):
        if x in outputs:
            gain = float(constants.gain[k])
            cards.append((f"GAIN{x}", gain, f"[electrons/count] CCD output {x} gain"))
    for x in outputs:
        noise = frame.header.get(f"READNOI{x}", 0.0)
        cards.append((f"READNOI{x}", noise, f"[electrons] read noise CCD output {x}"))
    cards += [
        ("NREADOUT", round(frame.coadds), "number of read per cadence"),
        ("FXDOFF", frame.header.get("FXDOFF", 0), "compression fixed offset"),
    ]
    cards += [
        (stem + x, value, _OF_COLUMNS[stem].format(x))
        for x in outputs
        for stem, value in places_of_columns(x)
    ]
    for keyword, row in places_of_rows():
        end = "start" if keyword.endswith("S") else "end (inclusive)"
        cards.append((keyword, row, f"{_OF_ROWS[keyword[:-4]]} rows {end}"))
    delay = f"TMOFST{frame.camera}{frame.ccd}"
    cards.append((delay, readout_delay(frame.camera, frame.ccd), "[s] readout delay"))
    for x in outputs:
        black = frame.header.get(f"MEANBLC{x}", 0)
        cards.append((f"MEANBLC{x}", black, f"[count] FSW mean black level CCD output {x}"))
    return cards


def raw_image_cards(frame: Frame) -> list[Card]:
    """Cards of the image HDU, except structural keywords."""
    times = times_or_zero(frame)
    wcs = sip_cards(frame.sector, frame.camera, frame.ccd) if frame.sector else ()
    sky = {name: value for name, value, _ in wcs}
    late = 0.0
    if wcs:
        late = barycentric_days(times.mid, sky["CRVAL1"], sky["CRVAL2"])
    start, end = times.start + late, times.end + late
    live = frame.coadds * EXPOSED_S / DAY_S
    # Readers compute the interval from this as for a frame with on-board mitigation.
    exposure = frame.exposure_s * KEPT_FRACTION * LIVE_FRACTION / DAY_S
    cards: list[Card] = [
        ("INHERIT", True, "inherit the primary header"),
        ("EXTNAME", f"CAMERA.CCD {frame.camera}.{frame.ccd} raw", "name of extension"),
        ("EXTVER", 1, "extension version number (not format version)"),
        ("SIMDATA", True, "file is based on simulated data"),
        ("TELESCOP", "TESS", "telescope"),
        ("INSTRUME", "TESS Photometer", "detector type"),
        ("CAMERA", frame.camera, "Camera number"),
        ("CCD", frame.ccd, "CCD chip number"),
        ("EXPOSURE", exposure, "[d] time on source"),
        ("TIMEREF", "SOLARSYSTEM", "barycentric correction applied to times"),
        ("TASSIGN", "SPACECRAFT", "where time is assigned"),
        ("TIMESYS", "TDB", "time system is Barycentric Dynamical Time (TDB)"),
        ("BJDREFI", 2457000, "integer part of BTJD reference date"),
        ("BJDREFF", 0.0, "fraction of the day in BTJD reference date"),
        ("TIMEUNIT", "d", "time unit for TIME, TSTART and TSTOP"),
        ("TELAPSE", end - start, "[d] TSTOP - TSTART"),
        ("LIVETIME", live, "[d] TELAPSE multiplied by DEADC"),
        ("TSTART", start, "observation start time in BTJD"),
        ("TSTOP", end, "observation stop time in BTJD"),
        ("DATE-OBS", f"{utc(start).isot}Z", "TSTART as UTC calendar date"),
        ("DATE-END", f"{utc(end).isot}Z", "TSTOP as UTC calendar date"),
        ("DEADC", frame.coadds * EXPOSED_S / frame.exposure_s, "deadtime correction"),
        ("TIMEPIXR", 0.5, "bin time beginning=0 middle=0.5 end=1"),
        ("TIERRELA", 1.16e-05, "[d] relative time error"),
        ("BTC_PIX1", float(sky.get("CRPIX1", 0.0)), "reference column of the time correction"),
        ("BTC_PIX2", float(sky.get("CRPIX2", 0.0)), "reference row of the time correction"),
        ("BUNIT", "count", "physical units of the image"),
        ("BARYCORR", late, "[d] barycentric time correction"),
        *detector_cards(frame),
    ]
    if wcs:
        cards += [*wcs, ("EQUINOX", 2000.0, "equinox of celestial coordinate system")]
    cards += [
        ("WCSNAMEP", "PHYSICAL", "name of world coordinate system alternate P"),
        ("WCSAXESP", 2, "number of WCS physical axes"),
    ]
    for axis, name, text in ((1, "RAWX", "column"), (2, "RAWY", "row")):
        cards += [
            (f"CTYPE{axis}P", name, f"physical WCS axis {axis} type CCD {text}"),
            (f"CUNIT{axis}P", "PIXEL", f"physical WCS axis {axis} unit"),
            (f"CRPIX{axis}P", 1, f"reference CCD {text}"),
            (f"CRVAL{axis}P", 1, f"value at reference CCD {text}"),
            (f"CDELT{axis}P", 1.0, f"physical WCS axis {axis} step"),
        ]
    if wcs:
        cards += [
            ("RA_NOM", sky["CRVAL1"], "[deg] right ascension of the reference pixel"),
            ("DEC_NOM", sky["CRVAL2"], "[deg] declination of the reference pixel"),
        ]
    cards += [
        ("DQUALITY", 0, "data quality flags"),
        ("IMAGTYPE", "uncal", "FFI image type"),
    ]
    return cards
