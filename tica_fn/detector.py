"""Geometry of a CCD readout, and constants of the 64 amplifiers.

One CCD is read as 2078 rows of 2136 columns through four amplifiers ("output channels") A, B, C
and D.  Indices here are 0-based and half-open; FITS keywords are 1-based and inclusive.

==========  ============================================  =================================
columns     what                                          amplifier
==========  ============================================  =================================
0:44        underclock (leading virtual columns)          11 columns each, A B C D
44:2092     science                                       512 columns each, A B C D
2092:2136   overclock (trailing virtual columns)          11 columns each, A B C D
==========  ============================================  =================================

==========  ======================================================================
rows        what
==========  ======================================================================
0:2048      science
2048:2058   buffer
2058:2068   smear (masked rows that see only the frame transfer)
2068:2078   virtual
==========  ======================================================================

Source: TESS Instrument Handbook; the readout keywords of the mission's own collateral files.
"""

from __future__ import annotations

import csv
from functools import cache, lru_cache
from importlib.resources import files

import attrs
import numpy as np

from tica_fn.errors import FrameError
from tica_fn.immutable import Array, Record, freeze, frozen_array

__all__ = [
    "AMPLIFIERS",
    "AMPLIFIER_COLUMNS",
    "BUFFER_ROWS",
    "CAMERAS",
    "CCDS",
    "COLUMNS",
    "KEPT_FRACTION",
    "LIVE_FRACTION",
    "OVERCLOCK_COLUMNS",
    "PEDESTAL_COLUMNS",
    "PEDESTAL_FIRST_ROW",
    "READ_INTERVAL_S",
    "ROWS",
    "SCIENCE_COLUMNS",
    "SCIENCE_ROWS",
    "SHAPE",
    "SMEAR_MEDIAN_ROWS",
    "SMEAR_ROWS",
    "UNDERCLOCK_COLUMNS",
    "VIRTUAL_COLUMNS",
    "VIRTUAL_ROWS",
    "Amplifiers",
    "amplifier_of_columns",
    "amplifiers",
    "amplifiers_of_columns",
    "check_ccd",
]

CAMERAS = (1, 2, 3, 4)
CCDS = (1, 2, 3, 4)
AMPLIFIERS = ("A", "B", "C", "D")

ROWS, COLUMNS = 2078, 2136
SHAPE = (ROWS, COLUMNS)

UNDERCLOCK_COLUMNS = (0, 44)
SCIENCE_COLUMNS = (44, 2092)
OVERCLOCK_COLUMNS = (2092, 2136)
AMPLIFIER_COLUMNS = 512
"""Science columns of one amplifier."""
VIRTUAL_COLUMNS = 11
"""Underclock columns, and overclock columns, of one amplifier."""

SCIENCE_ROWS = (0, 2048)
BUFFER_ROWS = (2048, 2058)
SMEAR_ROWS = (2058, 2068)
VIRTUAL_ROWS = (2068, 2078)

PEDESTAL_FIRST_ROW = 750
"""First row used for the pedestal; earlier rows ring after the start of the frame."""
PEDESTAL_COLUMNS = 8
"""How many of an amplifier's overclock columns, the last ones, are used for the pedestal; the
first three see scattered light."""
SMEAR_MEDIAN_ROWS = (2061, 2068)
"""Rows whose median is a column's smear; the first three smear rows get charge that bleeds from
the buffer."""

READ_INTERVAL_S = 2.0
"""Time from one read to the next, in seconds."""
LIVE_FRACTION = 0.99
"""Fraction of a 2 s exposure in which light is collected: 1.98 s."""
KEPT_FRACTION = 0.8
"""Fraction of the exposures that the on-board cosmic-ray mitigation keeps."""


def check_ccd(camera: int, ccd: int) -> None:
    """Raise `FrameError` for a camera or CCD that TESS does not have."""
    if camera not in CAMERAS or ccd not in CCDS:
        raise FrameError(f"camera {camera!r} CCD {ccd!r}: TESS has cameras 1 to 4 with CCDs 1 to 4")


@lru_cache(maxsize=256)
def amplifier_of_columns(first: int = 0, count: int = COLUMNS) -> Array:
    """Amplifier of each of a run of columns.

    Parameters
    ----------
    first : int
        First column, 0-based in the full readout.
    count : int
        Number of columns.

    Returns
    -------
    ndarray
        (count,) int64, read-only: 0 to 3 for A to D.

    Examples
    --------
    >>> from tica_fn.detector import amplifier_of_columns
    >>> amplifier_of_columns(554, 4)
    array([0, 0, 1, 1])
    """
    column = np.arange(first, first + count, dtype=np.int64)
    science_start, science_stop = SCIENCE_COLUMNS
    return freeze(
        np.where(
            column < science_start,
            column // VIRTUAL_COLUMNS,
            np.where(
                column < science_stop,
                (column - science_start) // AMPLIFIER_COLUMNS,
                (column - science_stop) // VIRTUAL_COLUMNS,
            ),
        )
    )


@lru_cache(maxsize=256)
def amplifiers_of_columns(first: int = 0, count: int = COLUMNS) -> tuple[int, ...]:
    """Amplifiers that read at least one of a run of columns."""
    return tuple(np.unique(amplifier_of_columns(first, count)).tolist())


def _four(value: object) -> Array:
    array = frozen_array(value, dtype=np.float64)  # type: ignore[arg-type]
    if array.shape != (4,):
        raise FrameError(f"give one number for each amplifier A, B, C, D, not shape {array.shape}")
    return array


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Amplifiers(Record):
    """Constants of a CCD's four amplifiers; each field is (4,) float64, in the order A, B, C, D.

    Parameters
    ----------
    gain : ndarray
        Gain, electron per ADU.
    lin_scale, lin_origin : ndarray
        Linearity: ``x = (ADU per read - lin_origin) * lin_scale``; origin in ADU, scale in 1/ADU.
    lin_c0, lin_c1, lin_c2 : ndarray
        Linearity: the signal in electrons is multiplied by ``lin_c0 + lin_c1 x + lin_c2 x**2``.
    spoc_c0, spoc_c1, spoc_c2 : ndarray
        SPOC's own polynomial, by which it multiplies counts; TICA's is its integral.
    max_domain_adu : ndarray
        Highest signal, ADU per read, at which the linearity was measured.
    poc_gain_gain, poc_gain_loss : ndarray
        The two coefficients of the older POC linearity model, 1/electron.
    undershoot : ndarray
        Fraction of a pixel's signal that is missing in the pixel read next.
    """

    gain: Array = attrs.field(converter=_four)
    lin_scale: Array = attrs.field(converter=_four)
    lin_origin: Array = attrs.field(converter=_four)
    lin_c0: Array = attrs.field(converter=_four)
    lin_c1: Array = attrs.field(converter=_four)
    lin_c2: Array = attrs.field(converter=_four)
    spoc_c0: Array = attrs.field(converter=_four)
    spoc_c1: Array = attrs.field(converter=_four)
    spoc_c2: Array = attrs.field(converter=_four)
    max_domain_adu: Array = attrs.field(converter=_four)
    poc_gain_gain: Array = attrs.field(converter=_four)
    poc_gain_loss: Array = attrs.field(converter=_four)
    undershoot: Array = attrs.field(converter=_four)


_COLUMN_OF_FIELD = {
    "gain": "gain_e_per_adu",
    "spoc_c0": "spoc_xml_c0",
    "spoc_c1": "spoc_xml_c1",
    "spoc_c2": "spoc_xml_c2",
    "max_domain_adu": "lin_max_domain_adu",
    "poc_gain_gain": "poc_gain_gain",
    "poc_gain_loss": "poc_gain_loss",
}


@cache
def amplifiers(camera: int, ccd: int) -> Amplifiers:
    """Constants of one CCD's amplifiers, from the table in the package.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4.

    Returns
    -------
    Amplifiers
        Gains, linearity and undershoot of A, B, C and D.

    Raises
    ------
    FrameError
        If TESS has no such camera or CCD.

    Notes
    -----
    Sources: gain model 41006_100 and linearity model 41006_100 of 2018 (MAST), the undershoot
    model of the same delivery, and the integrated linearity and older POC linearity tables of
    TICA 1.4; see ``tica_fn/data/README.md``.

    Examples
    --------
    >>> from tica_fn.detector import amplifiers
    >>> amplifiers(2, 3).gain
    array([5.28, 5.26, 5.25, 5.21])
    """
    check_ccd(camera, ccd)
    text = files("tica_fn").joinpath("data/amplifiers.csv").read_text()
    rows = [
        row
        for row in csv.DictReader(text.splitlines())
        if (int(row["camera"]), int(row["ccd"])) == (camera, ccd)
    ]
    rows.sort(key=lambda row: row["amplifier"])
    fields = [field.name for field in attrs.fields(Amplifiers)]
    columns = {name: _COLUMN_OF_FIELD.get(name, name) for name in fields}
    return Amplifiers(**{n: [float(row[c]) for row in rows] for n, c in columns.items()})
