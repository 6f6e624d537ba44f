"""Cutouts, and their files: target pixel files like the mission's, for lightkurve."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.gzipped import packed
from tica_fn.fits.provenance import software
from tica_fn.immutable import Array, Record, frozen_array

__all__ = ["Cutout"]


@attrs.frozen(eq=False, kw_only=True)
class Cutout(Record):
    """Pixels around a place in the sky, one rectangle a frame, in order of time.

    Parameters
    ----------
    ra, dec : float
        The place, degrees, ICRS.
    camera, ccd : int
        Numbers 1 to 4.
    sector : int or None
        Sector of the middle frame.
    row, column : int
        Place of the first pixel in the full readout, 0-based.
    exposure_s : float
        Interval from one frame to the next, seconds.
    live_s : float
        Time in which a frame collected light, seconds.
    time : ndarray
        (frames,) float64, days after Julian date 2457000, TDB: middle of each exposure, NaN if
        a frame has no time.
    time_correction : ndarray
        (frames,) float64, days: light travel time included in `time`; 0 at the spacecraft.
    place : str
        ``"barycenter"``, ``"barycenter of the CCD's centre"``, ``"spacecraft"`` or ``"unknown"``.
    flux, flux_error : ndarray
        (frames, rows, columns) float32, electron per second; NaN outside the frames; errors are
        NaN if a frame has no variance.
    quality : ndarray
        (frames,) int32, bits of the mission's DQUALITY.
    cadence : ndarray
        (frames,) int32, cadence numbers; counted from 0 if a frame has none.
    shift : ndarray
        (frames, 2) float32, pixel: motion of the position along columns and rows relative to the
        middle frame, by each frame's own WCS; 0 if a frame has none.
    wcs : astropy.wcs.WCS
        WCS of the middle frame, relative to the first pixel of the rectangle.
    """

    ra: float
    dec: float
    camera: int
    ccd: int
    sector: int | None
    row: int
    column: int
    exposure_s: float
    live_s: float
    time: Array = attrs.field(converter=frozen_array)
    time_correction: Array = attrs.field(converter=frozen_array)
    place: str
    flux: Array = attrs.field(converter=frozen_array)
    flux_error: Array = attrs.field(converter=frozen_array)
    quality: Array = attrs.field(converter=frozen_array)
    cadence: Array = attrs.field(converter=frozen_array)
    shift: Array = attrs.field(converter=frozen_array)
    wcs: WCS

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a target pixel file, which lightkurve opens.

        Parameters
        ----------
        path : path-like
            File to write, complete or not at all; gzipped if the name ends in ``.gz``.
        overwrite : bool
            Replace an existing file.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OSError
            If the file exists, or can't be written.
        """
        return _write(self, Path(path), overwrite=overwrite)

    def to_lightkurve(self, **options: Any) -> Any:
        """Make a target pixel object of lightkurve, which must be installed.

        Parameters
        ----------
        **options : object
            Options of `lightkurve.TessTargetPixelFile`, such as `quality_bitmask`.

        Returns
        -------
        lightkurve.TessTargetPixelFile
            The pixels, with errors, quality and barycentric times.
        """
        from lightkurve import TessTargetPixelFile

        return TessTargetPixelFile(_hdus(self), **options)


def _write(found: Cutout, path: Path, *, overwrite: bool) -> Path:
    """Write a cutout, complete or not at all."""
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists already; overwrite=True (--overwrite) replaces it")
    buffer = io.BytesIO()
    hdus = _hdus(found)
    for hdu in hdus:
        hdu.add_checksum(when="of this HDU")
    hdus.writeto(buffer)
    write_whole(path, packed(path, buffer.getbuffer()))
    return path


def _hdus(found: Cutout) -> fits.HDUList:
    """Primary header, table of pixels, and aperture."""
    primary = fits.PrimaryHDU()
    name = _designation(found)
    # lightkurve recognises a TESS target pixel file by "TargetPixel" in CREATOR.
    for keyword, value, comment in (
        ("ORIGIN", "tica-fn", "cut out by"),
        ("CREATOR", f"{software()} TargetPixel cut-out"[:68], "program"),
        ("TELESCOP", "TESS", "telescope"),
        ("INSTRUME", "TESS Photometer", "detector type"),
        ("OBJECT", name, "place of the cut-out"),
        ("RADESYS", "ICRS", "reference frame of celestial coordinates"),
        ("RA_OBJ", found.ra, "[deg] right ascension"),
        ("DEC_OBJ", found.dec, "[deg] declination"),
        ("EQUINOX", 2000.0, "equinox of celestial coordinates"),
        ("SECTOR", found.sector, "observing sector"),
        ("CAMERA", found.camera, "camera number"),
        ("CCD", found.ccd, "CCD number"),
    ):
        if value is not None:
            primary.header[keyword] = (value, comment)
    primary.header.add_history(f"Times are those of the {found.place}.")
    if np.isnan(found.flux_error).all():
        primary.header.add_history("FLUX_ERR is NaN: the frames have no uncertainties.")
    primary.header.add_history("The background is not subtracted.")
    return fits.HDUList([primary, _table(found), _aperture(found)])


def _designation(found: Cutout) -> str:
    place = SkyCoord(found.ra, found.dec, unit="deg")
    words = str(place.to_string("hmsdms", sep="", precision=2, pad=True))
    return "J" + words.replace(" ", "")


def _table(found: Cutout) -> fits.BinTableHDU:
    count, rows, columns = found.flux.shape
    shape, size = f"({columns},{rows})", rows * columns
    nothing = np.full(found.flux.shape, np.nan, dtype=np.float32)

    def pixels(name: str, kind: str, unit: str, values: Array) -> fits.Column:
        return fits.Column(name, f"{size}{kind}", unit=unit, dim=shape, array=values)

    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("TIME", "D", unit="BJD - 2457000, days", array=found.time),
            fits.Column("TIMECORR", "E", unit="d", array=found.time_correction),
            fits.Column("CADENCENO", "J", array=found.cadence),
            pixels("RAW_CNTS", "J", "count", np.full(found.flux.shape, -1, dtype=np.int32)),
            pixels("FLUX", "E", "e-/s", found.flux),
            pixels("FLUX_ERR", "E", "e-/s", found.flux_error),
            pixels("FLUX_BKG", "E", "e-/s", nothing),
            pixels("FLUX_BKG_ERR", "E", "e-/s", nothing),
            fits.Column("QUALITY", "J", array=found.quality),
            fits.Column("POS_CORR1", "E", unit="pixel", array=found.shift[:, 0]),
            fits.Column("POS_CORR2", "E", unit="pixel", array=found.shift[:, 1]),
        ],
        name="PIXELS",
    )
    header = table.header
    barycentric = found.place.startswith("barycenter")
    for keyword, value in {
        "TELESCOP": "TESS", "INSTRUME": "TESS Photometer", "OBJECT": _designation(found),
        "RADESYS": "ICRS", "RA_OBJ": found.ra, "DEC_OBJ": found.dec, "EQUINOX": 2000.0,
        "TIMEREF": "SOLARSYSTEM" if barycentric else "LOCAL",
        "TIMESYS": "TDB", "TIMEUNIT": "d", "BJDREFI": 2457000, "BJDREFF": 0.0,
        "CAMERA": found.camera, "CCD": found.ccd, "TIMEDEL": found.exposure_s / 86400.0,
        "EXPOSURE": count * found.live_s / 86400.0, "BACKAPP": False, "DEADAPP": True,
        "VIGNAPP": True,
    }.items():  # fmt: skip
        header[keyword] = value
    if found.sector is not None:
        header["SECTOR"] = found.sector
    for keyword, value, comment in _place_cards(found):
        header[keyword] = (value, comment)
    return table


def _place_cards(found: Cutout) -> list[tuple[str, Any, str]]:
    """Position of FLUX's pixels in the readout and, to first order, on the sky."""
    star = SkyCoord(found.ra, found.dec, unit="deg")
    column, row = (float(x) for x in found.wcs.world_to_pixel(star))
    matrix = np.empty((2, 2))
    for axis, step in enumerate(((0.5, 0.0), (0.0, 0.5))):
        ends = found.wcs.pixel_to_world([column - step[0], column + step[0]],
                                        [row - step[1], row + step[1]])  # fmt: skip
        east, north = star.spherical_offsets_to(ends)
        matrix[:, axis] = np.diff(east.deg)[0], np.diff(north.deg)[0]
    if not np.isfinite(matrix).all():
        raise FrameError("the WCS gives no sky position for pixels of the cutout")
    cards: list[tuple[str, Any, str]] = [
        ("1CTYP5", "RA---TAN", "right ascension"), ("2CTYP5", "DEC--TAN", "declination"),
        ("1CRPX5", column + 1.0, "[pixel] reference column"),
        ("2CRPX5", row + 1.0, "[pixel] reference row"),
        ("1CRVL5", found.ra, "[deg] at the reference pixel"),
        ("2CRVL5", found.dec, "[deg] at the reference pixel"),
        ("1CUNI5", "deg", "unit"), ("2CUNI5", "deg", "unit"),
        ("1CDLT5", 1.0, "[deg] step"), ("2CDLT5", 1.0, "[deg] step"),
        ("11PC5", matrix[0, 0], "linear part"), ("12PC5", matrix[0, 1], "linear part"),
        ("21PC5", matrix[1, 0], "linear part"), ("22PC5", matrix[1, 1], "linear part"),
    ]  # fmt: skip
    for number in (4, 5, 6, 7, 8):
        cards += [
            (f"1CRV{number}P", found.column + 1, "[pixel] column of the first pixel"),
            (f"2CRV{number}P", found.row + 1, "[pixel] row of the first pixel"),
            (f"1CRP{number}P", 1, "[pixel] reference column"),
            (f"2CRP{number}P", 1, "[pixel] reference row"),
            (f"1CDL{number}P", 1.0, "[pixel] step"), (f"2CDL{number}P", 1.0, "[pixel] step"),
        ]  # fmt: skip
    return cards


def _aperture(found: Cutout) -> fits.ImageHDU:
    """Pixels with data (1), and the central ones for a simple aperture (2)."""
    rows, columns = found.flux.shape[1:]
    mask = np.where(np.isfinite(found.flux).any(axis=0), 1, 0).astype(np.int32)
    middle = (slice(max(rows // 2 - 1, 0), rows // 2 + 2),
              slice(max(columns // 2 - 1, 0), columns // 2 + 2))  # fmt: skip
    mask[middle] |= np.where(mask[middle] > 0, 2, 0)
    image = fits.ImageHDU(mask, name="APERTURE")
    image.header.update(found.wcs.to_header(relax=True))
    image.header["CRVAL1P"], image.header["CRVAL2P"] = found.column + 1, found.row + 1
    return image
