"""Pixels around a place in the sky, from many frames: a target pixel object of one's own.

The same pixels are taken of every frame, those around the place by the WCS of the middle frame.
Times are barycentric for the very place where the frames tell where the spacecraft was; where they
do not, those of the frames are kept and `Cutout.place` says which they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from tica_fn.errors import FrameError
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.products.cutout_sources import (
    Source,
    check_on_science,
    check_same_kind,
    facts_of_source,
    middle_frame,
    moment,
    piece_of,
    pixel_of,
    shift_of,
    sky_place,
    times_at,
)
from tica_fn.views.sky import wcs_of

__all__ = ["Cutout", "cutout"]


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
        Time in which light was collected in a frame, seconds.
    time : ndarray
        (frames,) float64, days after Julian date 2457000, TDB: middle of each exposure, NaN where
        a frame has no time.
    time_correction : ndarray
        (frames,) float64, days: light travel time that is in `time`; 0 at the spacecraft.
    place : str
        ``"barycenter"``, ``"barycenter of the CCD's centre"``, ``"spacecraft"`` or ``"unknown"``.
    flux, flux_error : ndarray
        (frames, rows, columns) float32, electron per second; NaN beyond the frames' pixels, and
        errors NaN where a frame has no variance.
    quality : ndarray
        (frames,) int32, bits of the mission's DQUALITY.
    cadence : ndarray
        (frames,) int32, cadence numbers; counted from 0 where a frame has none.
    shift : ndarray
        (frames, 2) float32, pixel: how far the place has moved along columns and rows against the
        middle frame, by each frame's own WCS; 0 where a frame has none.
    wcs : astropy.wcs.WCS
        WCS of the middle frame, counted from the first pixel of the rectangle.
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
            File to write, whole or not at all; gzipped where the name ends in ``.gz``.
        overwrite : bool
            Whether a file that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OSError
            If the file is there, or can't be written.
        """
        from tica_fn.products.cutout_file import write_cutout

        return write_cutout(self, Path(path), overwrite=overwrite)

    def to_lightkurve(self, **options: Any) -> Any:
        """Make a target pixel object of lightkurve, which must be installed.

        Parameters
        ----------
        **options : object
            For `lightkurve.TessTargetPixelFile`, such as `quality_bitmask`.

        Returns
        -------
        lightkurve.TessTargetPixelFile
            The pixels, with errors, quality and barycentric times.
        """
        from lightkurve import TessTargetPixelFile

        from tica_fn.products.cutout_file import hdus_of

        return TessTargetPixelFile(hdus_of(self), **options)


def cutout(
    frames: Iterable[Source] | Source,
    coordinate: SkyCoord | Sequence[float] | str,
    size: int | tuple[int, int] = 11,
    *,
    ephemeris: Any = None,
) -> Cutout:
    """Cut the pixels around a place in the sky out of many frames.

    Parameters
    ----------
    frames : iterable of Frame or path-like
        Calibrated frames of one camera and CCD, or files of such; of plain files only the rows
        that are needed are read.
    coordinate : SkyCoord, pair of float, or str
        The place: astropy's coordinate, right ascension and declination in degrees, or words that
        `SkyCoord` understands.
    size : int or tuple of int
        Side of the square in pixels, or rows and columns.
    ephemeris : Ephemeris, optional
        Positions of the spacecraft, see `tica_fn.wcs.read_ephemeris`; those in the frames'
        headers by default.

    Returns
    -------
    Cutout
        Fluxes with errors, times, quality; it writes files and makes lightkurve's objects.

    Raises
    ------
    FrameError
        If there are no frames, none has a WCS, they are of several CCDs or exposure times, are
        not calibrated, or the place is on none of their pixels.
    OSError
        If a file can't be read.

    Notes
    -----
    Time at the barycentre: ``t + r . n / c``, with the place ``r`` of the spacecraft and the
    direction ``n`` of the star; see `tica_fn.wcs.barycentric_time`.

    Examples
    --------
    >>> import tempfile
    >>> import tica_fn
    >>> from tica_fn.simulate import full_frame, write_spoc_raw
    >>> models = tica_fn.neutral_models(2, 3, gain=5.2)
    >>> made = full_frame(models, sector=6, exposure_s=1800.0, seed=1).frame
    >>> raw = tica_fn.read(write_spoc_raw(made, tempfile.mkdtemp()))
    >>> frame = tica_fn.calibrate(raw, models)
    >>> found = tica_fn.cutout([frame], (100.0, -12.0), 9)
    >>> found.flux.shape
    (1, 9, 9)
    """
    sources = [frames] if isinstance(frames, Frame | str | os.PathLike) else list(frames)
    if not sources:
        raise FrameError("no frames to cut out of")
    star = sky_place(coordinate)
    facts = sorted((facts_of_source(source) for source in sources), key=moment)
    middle, world = middle_frame(facts)
    column, row = pixel_of(world, star)
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if height < 1 or width < 1:
        raise ValueError(f"a cut-out has rows and columns, not {height} x {width}")
    check_on_science(middle, star, column + middle.column, row + middle.row)
    top = round(row + middle.row) - height // 2
    left = round(column + middle.column) - width // 2
    flux = np.full((len(facts), height, width), np.nan, dtype=np.float32)
    error = flux.copy()
    for n, one in enumerate(facts):
        check_same_kind(one.frame, middle)
        piece, rows, columns = piece_of(one, (top, left), (height, width))
        scale = 1.0 if piece.unit == RATE else 1.0 / piece.live_s
        flux[n, rows, columns] = piece.pixels * scale
        if piece.variance is not None:
            error[n, rows, columns] = np.sqrt(piece.variance) * scale
    known_frames = [one.frame for one in facts]
    times, corrections, place = times_at(known_frames, star, ephemeris)
    local = wcs_of(middle, (top, left), (height, width))
    return Cutout(
        ra=float(star.ra.deg),
        dec=float(star.dec.deg),
        camera=middle.camera,
        ccd=middle.ccd,
        sector=middle.sector,
        row=top,
        column=left,
        exposure_s=middle.exposure_s,
        live_s=middle.live_s,
        time=times,
        time_correction=corrections,
        place=place,
        flux=flux,
        flux_error=error,
        quality=np.array([frame_quality(one) for one in known_frames], dtype=np.int32),
        cadence=np.array(
            [n if one.cadence is None else one.cadence for n, one in enumerate(known_frames)],
            dtype=np.int32,
        ),
        shift=np.array(
            [shift_of(one, star, column + middle.column, row + middle.row) for one in known_frames],
            dtype=np.float32,
        ),
        wcs=local,
    )
