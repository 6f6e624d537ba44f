"""Target pixel files with raw counts, 20 s and 2 min: read as frames, cadence by cadence.

A stamp alone contains neither pedestal nor smear.  The mission archives the pixels for both in
collateral files, one per amplifier: trailing virtual columns (``*tvcol*_col.fits``) and smear rows
(``*smrow*_col.fits``).  A cadence becomes a `Frame` with these pieces as its collateral.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from tica_fn.detector import AMPLIFIERS, COLUMNS, ROWS, amplifier_of_columns
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import RawHDU, content, crc32, read_blocks
from tica_fn.fits.collateral import Collateral
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.keywords import (
    coadds_of,
    detector_number,
    nominal,
    number,
    sector_of,
    whole_number,
)
from tica_fn.fits.large import column_of, table_rows, whole_numbers
from tica_fn.fits.target_rays import CosmicRays, cosmic_rays_of, without_rays
from tica_fn.frame import ADU, Frame, Times
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.models import SourceFile

__all__ = ["TargetPixels", "is_cutout", "read_target", "target_of"]

_MISSING = -1
"""Raw count of a pixel that was not downlinked (TNULL)."""


@attrs.frozen(eq=False, repr=False, kw_only=True)
class TargetPixels(Record):
    """Raw pixels of a target, all cadences.

    Parameters
    ----------
    counts : ndarray
        (cadences, rows, columns) int32, ADU summed over the coadds; -1 where missing.
    cadences : ndarray
        (cadences,) int32, cadence numbers.
    times : ndarray
        (cadences,) float64, mid times, days after JD 2457000 (TDB, barycentric).
    camera, ccd : int
        Numbers 1 to 4.
    sector : int or None
        Sector.
    row, column : int
        Position of the first pixel in the full readout, 0-based.
    exposure_s : float
        Time from one cadence to the next in seconds.
    coadds : float
        Number of exposures summed.
    read_s : float
        Live time of one exposure in seconds.
    header : OriginalHeader
        Primary header and that of the pixels.
    source : SourceFile
        The file.
    cosmic_rays : CosmicRays or None
        Rays that the mission removed from its ``FLUX`` on the ground (20 s); `counts` contain them.
    """

    counts: Array
    cadences: Array
    times: Array
    camera: int
    ccd: int
    sector: int | None
    row: int
    column: int
    exposure_s: float
    coadds: float
    read_s: float
    header: OriginalHeader
    source: SourceFile
    cosmic_rays: CosmicRays | None = None

    @property
    def amplifiers(self) -> tuple[str, ...]:
        """Letters of the amplifiers that read the stamp's columns."""
        columns = amplifier_of_columns(self.column, self.counts.shape[2])
        return tuple(AMPLIFIERS[a] for a in np.unique(columns))

    def frames(self, collateral: tuple[Collateral, ...] = ()) -> Iterator[Frame]:
        """Iterate over the cadences.

        Parameters
        ----------
        collateral : tuple of Collateral
            Overclocks and smear rows of the same cadences.

        Yields
        ------
        Frame
            (rows, columns) ADU: int32, or float64 with NaN where counts are missing.

        Raises
        ------
        BadFileError
            If the collateral lacks a cadence, or is of another readout.
        """
        for piece in collateral:
            piece.check_readout(self.camera, self.ccd, self.coadds)
        for n, cadence in enumerate(self.cadences.tolist()):
            yield Frame(
                pixels=counts_or_nan(self.counts[n]),
                unit=ADU,
                camera=self.camera,
                ccd=self.ccd,
                exposure_s=self.exposure_s,
                coadds=self.coadds,
                sector=self.sector,
                cadence=cadence,
                times=self._times(n),
                row=self.row,
                column=self.column,
                collateral=tuple(
                    Frame(
                        pixels=counts_or_nan(piece.of_cadence(cadence)),
                        unit=ADU,
                        camera=self.camera,
                        ccd=self.ccd,
                        exposure_s=self.exposure_s,
                        coadds=self.coadds,
                        row=piece.row,
                        column=piece.column,
                        calibrated=piece.calibrated_of(cadence),
                    )
                    for piece in collateral
                ),
                header=self.header,
                source=self.source,
            )

    def subtract_cosmic_rays(self, frame: Frame) -> Frame:
        """Subtract the cosmic rays that the mission found from a calibrated cadence.

        Parameters
        ----------
        frame : Frame
            A cadence of these target pixels, calibrated to electrons or electrons per second; not
            modified.

        Returns
        -------
        Frame
            New frame without them; its `steps` end in ``subtract_cosmic_rays``, and its variance
            still includes their light.  The same frame if the file has no such rays.

        Raises
        ------
        FrameError
            If the frame is not in electrons, or the rays were subtracted before.

        Notes
        -----
        The mission subtracted ``COSMIC_RAY`` of its table ``TARGET COSMIC RAY`` from ``FLUX``; the
        original flux is their sum (release notes 38, section 4.1).

        Examples
        --------
        >>> import tica_fn
        >>> pixels = tica_fn.read_target("fast-tp.fits")  # doctest: +SKIP
        >>> frames = map(pixels.subtract_cosmic_rays, map(steps, pixels.frames(collateral)))
        ... # doctest: +SKIP
        """
        return without_rays(frame, self.cosmic_rays, self.read_s)

    def _times(self, n: int) -> Times | None:
        mid = float(self.times[n])
        if not np.isfinite(mid):
            return None
        half = 0.5 * self.exposure_s / 86400
        return Times(start=mid - half, mid=mid, end=mid + half, place="barycenter")


def counts_or_nan(counts: Array) -> Array:
    """Counts unchanged, or as float64 with NaN if some are missing."""
    missing = counts == _MISSING
    return np.where(missing, np.nan, counts) if missing.any() else counts


def read_target(path: str | os.PathLike[str]) -> TargetPixels:
    """Read the raw counts of a target pixel file.

    Parameters
    ----------
    path : path-like
        Target pixel file (``*_tp.fits``, 20 s or 2 min), plain or gzipped.

    Returns
    -------
    TargetPixels
        The raw pixels of all cadences.

    Raises
    ------
    BadFileError
        If the file is damaged, or lacks a column or keyword.
    """
    data = content(path)
    source = SourceFile(name=PurePath(path).name, crc32=crc32(data))
    return target_of(path, read_blocks(path, data), source)


def target_of(path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile) -> TargetPixels:
    """Make target pixels from the HDUs of a file."""
    if len(hdus) < 2 or hdus[1].header.get("XTENSION") != "BINTABLE":
        raise BadFileError(f"{path}: not a target pixel file (no table in HDU 1)")
    first, header = hdus[0].header, hdus[1].header
    if is_cutout(first):
        raise BadFileError(
            f"{path}: a cutout of calibrated frames (TESScut, astrocut or tica-fn), which has no "
            "raw counts"
        )
    table = table_rows(path, hdus[1])
    names = table.dtype.names or ()
    missing = {"RAW_CNTS", "CADENCENO", "TIME"} - set(names)
    if missing:
        raise BadFileError(f"{path}: no column {', '.join(sorted(missing))} in HDU 1")
    counts = column_of(path, hdus[1], table, "RAW_CNTS")
    if counts.ndim != 3:
        raise BadFileError(f"{path}: RAW_CNTS has no shape (keyword TDIM)")
    if not counts.size:
        raise BadFileError(f"{path}: no cadences in it")
    place = 1 + names.index("RAW_CNTS")
    column = whole_number(path, header, f"1CRV{place}P")
    row = whole_number(path, header, f"2CRV{place}P")
    if column is None or row is None:
        raise BadFileError(f"{path}: no position of the first pixel (1CRV{place}P, 2CRV{place}P)")
    inside = 1 <= column <= COLUMNS + 1 - counts.shape[2] and 1 <= row <= ROWS + 1 - counts.shape[1]
    if not inside:
        raise BadFileError(
            f"{path}: {counts.shape[1]} x {counts.shape[2]} pixels from row {row}, column {column} "
            f"(1-based) are not inside the {ROWS} x {COLUMNS} readout"
        )
    if header.get("NREADOUT") is None:
        raise BadFileError(f"{path}: no number of coadds (keyword NREADOUT)")
    read_s = number(path, header, "INT_TIME")
    if read_s is None or read_s <= 0:
        raise BadFileError(f"{path}: no live time of one exposure (keyword INT_TIME)")
    return TargetPixels(
        counts=_counts(path, counts),
        cadences=_cadences(path, column_of(path, hdus[1], table, "CADENCENO")),
        times=frozen_array(column_of(path, hdus[1], table, "TIME"), np.float64),
        camera=detector_number(path, first, "camera"),
        ccd=detector_number(path, first, "CCD"),
        sector=sector_of(path, first),
        row=row - 1,
        column=column - 1,
        exposure_s=_cadence_s(path, header),
        coadds=coadds_of(path, header, 0.0),
        read_s=read_s,
        header=OriginalHeader(hdus[0].text, hdus[1].text),
        source=source,
        cosmic_rays=cosmic_rays_of(path, hdus),
    )


def is_cutout(primary: Mapping[str, Any]) -> bool:
    """Tell whether a target pixel file was cut out of calibrated frames: by TESScut, or here."""
    maker = str(primary.get("CREATOR", "")).strip().lower()
    return maker == "astrocut" or maker.endswith("cut-out")


def _counts(path: str | os.PathLike[str], counts: Array) -> Array:
    """Counts of all cadences; refuse a file in which all are missing."""
    whole = whole_numbers(f"{path}: RAW_CNTS", counts, _MISSING)
    if ((whole == _MISSING) | (whole == 0)).all():
        raise BadFileError(f"{path}: no raw counts in it (RAW_CNTS is 0 or -1 throughout)")
    return whole


def _cadences(path: str | os.PathLike[str], numbers: Array) -> Array:
    if not np.isfinite(numbers).all():
        raise BadFileError(f"{path}: CADENCENO is undefined in some rows")
    return whole_numbers(f"{path}: CADENCENO", numbers, 0)


def _cadence_s(path: str | os.PathLike[str], header: fits.Header) -> float:
    """Time from one cadence to the next; EXPOSURE here is the time on source of the sector."""
    days = number(path, header, "TIMEDEL")
    if days is not None and days > 0:
        return nominal(days * 86400)
    frames, each = number(path, header, "NUM_FRM"), number(path, header, "FRAMETIM")
    if frames is None or each is None or frames * each <= 0:
        raise BadFileError(f"{path}: no exposure time (keyword TIMEDEL, or NUM_FRM and FRAMETIM)")
    return nominal(frames * each)
