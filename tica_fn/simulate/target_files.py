"""Write target pixel files with their collateral in the mission's format.

One file holds the raw counts of a stamp, cadence by cadence.  Others, one per amplifier and kind,
hold the pixels of the same readouts on which pedestal and smear are measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SMEAR_ROWS,
    UNDERCLOCK_COLUMNS,
    VIRTUAL_COLUMNS,
    VIRTUAL_ROWS,
    amplifier_of_columns,
)
from tica_fn.errors import FrameError
from tica_fn.fits.spoc_readout import EXPOSED_S
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.simulate.frame_times import barycentric_days, utc
from tica_fn.simulate.raw_file import Card, check_counts, fill_header, save
from tica_fn.simulate.spoc_header import detector_cards, raw_primary_cards, times_or_zero

__all__ = ["Stamp", "write_target"]

_TWO_MINUTES = 120


@attrs.frozen(kw_only=True)
class Stamp:
    """The pixels of a target.

    Parameters
    ----------
    row, column : int
        First pixel in the full readout, 0-based.
    height, width : int
        Rows and columns.
    identifier : int
        Number of the target.
    ra, dec : float
        Its direction, ICRS, degrees.

    Raises
    ------
    FrameError
        If the stamp does not lie in the science pixels.
    """

    row: int
    column: int
    height: int = 11
    width: int = 11
    identifier: int = 1
    ra: float = 0.0
    dec: float = 0.0

    def __attrs_post_init__(self) -> None:
        """Refuse stamps beyond the science pixels."""
        first, last = SCIENCE_COLUMNS
        inside = (
            self.height > 0
            and self.width > 0
            and self.row >= 0
            and self.row + self.height <= VIRTUAL_ROWS[0]
            and self.column >= first
            and self.column + self.width <= last
        )
        if not inside:
            raise FrameError(f"a target must lie in science columns and imaging rows: {self}")

    @property
    def here(self) -> tuple[slice, slice]:
        """Rows and columns as an index."""
        rows = slice(self.row, self.row + self.height)
        return rows, slice(self.column, self.column + self.width)

    @property
    def amplifiers(self) -> str:
        """Letters of the stamp's amplifiers."""
        found = np.unique(amplifier_of_columns(self.column, self.width))
        return "".join(AMPLIFIERS[k] for k in found)


def _collateral_places(letter: str) -> Iterator[tuple[str, slice, slice]]:
    """Kind, rows and columns of each collateral of an amplifier."""
    k = AMPLIFIERS.index(letter)
    lead = UNDERCLOCK_COLUMNS[0] + k * VIRTUAL_COLUMNS
    trail = OVERCLOCK_COLUMNS[0] + k * VIRTUAL_COLUMNS
    science = SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS
    columns = slice(science, science + AMPLIFIER_COLUMNS)
    yield "lvcol", slice(0, ROWS), slice(lead, lead + VIRTUAL_COLUMNS)
    yield "tvcol", slice(0, ROWS), slice(trail, trail + VIRTUAL_COLUMNS)
    yield "smrow", slice(*SMEAR_ROWS), columns
    yield "vrow", slice(*VIRTUAL_ROWS), columns


def write_target(frames: Iterable[Frame], stamp: Stamp, folder: str | Path) -> list[Path]:
    """Write the cadences of a target and of its collateral.

    Parameters
    ----------
    frames : iterable of Frame
        Raw full frames of one CCD in order of time; they need not be in memory at once.
    stamp : Stamp
        The target's pixels.
    folder : path
        Folder for the files.

    Returns
    -------
    list of pathlib.Path
        The target pixel file, then leading and trailing virtual columns, smear rows and virtual
        rows of each of the stamp's amplifiers.

    Raises
    ------
    FrameError
        If there are no frames, or they are not raw counts.
    """
    places = {("tp", ""): stamp.here}
    for letter in stamp.amplifiers:
        for kind, rows, columns in _collateral_places(letter):
            places[kind, letter] = rows, columns
    cut: dict[tuple[str, str], list[Array]] = {key: [] for key in places}
    known: list[Frame] = []
    for frame in frames:
        check_counts(frame)
        for key, here in places.items():
            cut[key].append(np.array(frame.pixels[here]))
        # Keep the frame's metadata without its pixels.
        known.append(attrs.evolve(frame, pixels=frame.pixels[:1, :1], row=0, column=0))
    if not known:
        raise FrameError("a target pixel file needs at least one frame")
    paths = []
    for (kind, letter), images in cut.items():
        cube = np.stack(images)
        if kind == "tp":
            hdus, name = _target_hdus(cube, known, stamp), _name(known[0], "tp", stamp)
        else:
            hdus = _collateral_hdus(cube, known, kind, letter)
            name = _name(known[0], f"{kind}-{letter}", stamp)
        paths.append(save(hdus, Path(folder) / name))
    return paths


def _name(frame: Frame, what: str, stamp: Stamp) -> str:
    start = f"tess{utc(times_or_zero(frame).start).strftime('%Y%j%H%M%S')}-s{frame.sector or 0:04d}"
    configuration = f"{120 + (frame.sector or 0):04d}"
    fast = "a_fast" if frame.exposure_s < _TWO_MINUTES else ""
    if what == "tp":
        ending = f"{fast}-tp.fits" if fast else "s_tp.fits"
        return f"{start}-{stamp.identifier:016d}-{configuration}-{ending}"
    kind, letter = what.split("-")
    ending = f"{fast}-col.fits" if fast else "s_col.fits"
    place = f"{frame.camera}-{frame.ccd}-{letter.lower()}"
    return f"{start}-{kind}-{place}-{configuration}-{ending}"


def _primary(frames: list[Frame], extra: list[Card]) -> Any:
    from astropy.io import fits

    span = attrs.evolve(times_or_zero(frames[0]), end=times_or_zero(frames[-1]).end)
    frame = attrs.evolve(frames[0], times=span)
    left_out = ("NEXTEND", "FFIINDEX", "IMAGTYPE")
    hdu = fits.PrimaryHDU()
    fill_header(hdu.header, [c for c in raw_primary_cards(frame) if c[0] not in left_out] + extra)
    hdu.header["CAMERA"] = (frame.camera, "Camera number")
    hdu.header["SECTOR"] = (frame.sector or 0, "Observing sector")
    hdu.header["CCD"] = (frame.ccd, "CCD chip number")
    return hdu


def _table_cards(frames: list[Frame], outputs: str) -> list[Card]:
    first, last = times_or_zero(frames[0]), times_or_zero(frames[-1])
    live = frames[0].coadds * EXPOSED_S / frames[0].exposure_s
    return [
        ("INHERIT", True, "inherit the primary header"),
        ("SIMDATA", True, "file is based on simulated data"),
        ("EXPOSURE", (last.end - first.start) * live, "[d] time on source"),
        ("TIMESYS", "TDB", "time system is Barycentric Dynamical Time (TDB)"),
        ("TSTART", first.start, "observation start time in TJD"),
        ("TSTOP", last.end, "observation stop time in TJD"),
        ("DEADC", live, "deadtime correction"),
        ("TIMEPIXR", 0.5, "bin time beginning=0 middle=0.5 end=1"),
        *detector_cards(frames[0], outputs),
    ]


def _cadences(frames: list[Frame]) -> Array:
    return np.array([frame.cadence or 0 for frame in frames])


def _collateral_hdus(cube: Array, frames: list[Frame], kind: str, letter: str) -> Any:
    from astropy.io import fits

    first = frames[0]
    mids = np.array([times_or_zero(frame).mid for frame in frames])
    _, rows, columns = cube.shape
    size, shape = rows * columns, f"({columns},{rows})"
    name = kind.upper()
    made = [
        fits.Column("TIME", "D", unit="JD - 2457000, days", disp="D14.7", array=mids),
        fits.Column("CADENCENO", "J", disp="I10", array=_cadences(frames)),
        fits.Column(
            f"{name}_RAW", f"{size}J", unit="count", null=-1, disp="I8", dim=shape, array=cube
        ),
    ]
    table = fits.BinTableHDU.from_columns(made, name=f"{name}_{first.camera}_{first.ccd}_{letter}")
    place: list[Card] = [
        ("CAMERA", first.camera, "Camera number"),
        ("SECTOR", first.sector or 0, "Observing sector"),
        ("CCD", first.ccd, "CCD chip number"),
        ("CCD_OUT", letter, "Output for this CCD"),
    ]
    fill_header(table.header, place + _table_cards(frames, letter))
    extra: list[Card] = [
        ("CCD_OUT", letter, "Output for this CCD"),
        ("COLLTRAL", kind, "Collateral pixel type"),
    ]
    return fits.HDUList([_primary(frames, extra), table])


def _target_hdus(cube: Array, frames: list[Frame], stamp: Stamp) -> Any:
    from astropy.io import fits

    mids = np.array([times_or_zero(frame).mid for frame in frames])
    late = np.array([barycentric_days(mid, stamp.ra, stamp.dec) for mid in mids.tolist()])
    size, shape = stamp.height * stamp.width, f"({stamp.width},{stamp.height})"
    empty = np.full(cube.shape, np.nan, dtype=np.float32)
    none = np.zeros(len(frames))
    made = [
        fits.Column("TIME", "D", unit="BJD - 2457000, days", disp="D14.7", array=mids + late),
        fits.Column("TIMECORR", "E", unit="d", disp="E14.7", array=late),
        fits.Column("CADENCENO", "J", disp="I10", array=_cadences(frames)),
        fits.Column(
            "RAW_CNTS", f"{size}J", unit="count", null=-1, disp="I8", dim=shape, array=cube
        ),
        *(
            fits.Column(name, f"{size}E", unit="e-/s", disp="E14.7", dim=shape, array=empty)
            for name in ("FLUX", "FLUX_ERR", "FLUX_BKG", "FLUX_BKG_ERR")
        ),
        fits.Column("QUALITY", "J", disp="B16.16", array=none.astype(np.int32)),
        fits.Column("POS_CORR1", "E", unit="pixel", disp="E14.7", array=none),
        fits.Column("POS_CORR2", "E", unit="pixel", disp="E14.7", array=none),
    ]
    table = fits.BinTableHDU.from_columns(made, name="PIXELS")
    place: list[Card] = []
    for n in range(4, 9):
        place += [
            (f"WCSN{n}P", "PHYSICAL", "table column WCS name"),
            (f"WCAX{n}P", 2, "table column physical WCS dimensions"),
            (f"1CTY{n}P", "RAWX", "physical WCS axis 1 type, CCD column"),
            (f"2CTY{n}P", "RAWY", "physical WCS axis 2 type, CCD row"),
            (f"1CUN{n}P", "PIXEL", "physical WCS axis 1 unit"),
            (f"2CUN{n}P", "PIXEL", "physical WCS axis 2 unit"),
            (f"1CRV{n}P", stamp.column + 1, "physical WCS axis 1 reference value"),
            (f"2CRV{n}P", stamp.row + 1, "physical WCS axis 2 reference value"),
            (f"1CDL{n}P", 1.0, "physical WCS axis 1 step"),
            (f"2CDL{n}P", 1.0, "physical WCS axis 2 step"),
            (f"1CRP{n}P", 1, "physical WCS axis 1 reference"),
            (f"2CRP{n}P", 1, "physical WCS axis 2 reference"),
        ]
    fill_header(table.header, place + _table_cards(frames, stamp.amplifiers))
    bits = np.array([32, 64, 128, 256])[amplifier_of_columns(stamp.column, stamp.width)]
    aperture = np.broadcast_to(bits | 1, (stamp.height, stamp.width)).astype(np.int32)
    extra: list[Card] = [
        ("OBJECT", f"TIC {stamp.identifier}", "string version of target id"),
        ("TICID", stamp.identifier, "unique target identifier"),
        ("RA_OBJ", stamp.ra, "[deg] right ascension"),
        ("DEC_OBJ", stamp.dec, "[deg] declination"),
    ]
    return fits.HDUList([_primary(frames, extra), table, fits.ImageHDU(aperture, name="APERTURE")])
