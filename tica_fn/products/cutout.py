"""Pixels around a place in the sky, from many frames: a target pixel object of one's own.

The same pixels are taken of every frame, those around the place by the WCS of the middle frame.
Times are barycentric for the very place where the frames tell where the spacecraft was; where they
do not, those of the frames are kept and `Cutout.place` says which they are.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.errors import FrameError
from tica_fn.fits.files import read
from tica_fn.fits.piece import PlainProduct, open_product
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.views.cut import cut_frame
from tica_fn.views.sky import wcs_of
from tica_fn.wcs.barycenter import barycentric_time

__all__ = ["Cutout", "cutout"]

Source = Frame | str | os.PathLike[str]


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
    star = _coordinate(coordinate)
    facts = sorted((_facts(source) for source in sources), key=_moment)
    middle, world = _middle(facts)
    column, row = _pixel_of(world, star)
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if height < 1 or width < 1:
        raise ValueError(f"a cut-out has rows and columns, not {height} x {width}")
    _check_on_science(middle, star, column + middle.column, row + middle.row)
    top = round(row + middle.row) - height // 2
    left = round(column + middle.column) - width // 2
    flux = np.full((len(facts), height, width), np.nan, dtype=np.float32)
    error = flux.copy()
    for n, one in enumerate(facts):
        _check_same(one.frame, middle)
        piece, rows, columns = _piece(one, (top, left), (height, width))
        scale = 1.0 if piece.unit == RATE else 1.0 / piece.live_s
        flux[n, rows, columns] = piece.pixels * scale
        if piece.variance is not None:
            error[n, rows, columns] = np.sqrt(piece.variance) * scale
    known_frames = [one.frame for one in facts]
    times, corrections, place = _times(known_frames, star, ephemeris)
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
            [_shift(one, star, column + middle.column, row + middle.row) for one in known_frames],
            dtype=np.float32,
        ),
        wcs=local,
    )


@attrs.frozen
class _Facts:
    """A source, a frame of it that may have its first pixel only, and its whole shape."""

    source: Source | PlainProduct
    frame: Frame
    shape: tuple[int, int]


def _coordinate(coordinate: SkyCoord | Sequence[float] | str) -> SkyCoord:
    if isinstance(coordinate, SkyCoord):
        if not coordinate.isscalar:
            raise ValueError("one place at a time: this SkyCoord holds several")
        return coordinate.icrs
    if isinstance(coordinate, str):
        return SkyCoord(coordinate, unit=("deg", "deg")).icrs
    ra, dec = coordinate
    return SkyCoord(ra, dec, unit="deg")


def _facts(source: Source) -> _Facts:
    if isinstance(source, Frame):
        return _Facts(source, source, source.shape)
    product = open_product(source)
    if product is not None:
        return _Facts(product, product.read(slice(0, 1), slice(0, 1)), product.shape)
    whole = read(source)
    return _Facts(source, cut_frame(whole, np.s_[:1, :1]), whole.shape)


def _moment(one: _Facts) -> float:
    times = one.frame.times
    return float("inf") if times is None else times.zero + times.mid


def _middle(facts: list[_Facts]) -> tuple[Frame, WCS]:
    """The frame with a WCS that is nearest to the middle."""
    half = len(facts) // 2
    for n in sorted(range(len(facts)), key=lambda n: abs(n - half)):
        world = wcs_of(facts[n].frame)
        if world is not None:
            return facts[n].frame, world
    raise FrameError("none of the frames has a WCS in its header: tica-fn wcs fit makes one")


def _pixel_of(world: WCS, star: SkyCoord) -> tuple[float, float]:
    """Column and row of a place by a WCS; NaN where its polynomial does not lead back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of places far away; that they are is seen below
        column, row = (float(x) for x in world.world_to_pixel(star))
        back = world.pixel_to_world(column, row)
        near = math.isfinite(column) and back.separation(star).arcsec < 1.0
    return (column, row) if near else (math.nan, math.nan)


def _check_on_science(frame: Frame, star: SkyCoord, column: float, row: float) -> None:
    inside = (
        SCIENCE_ROWS[0] - 0.5 <= row < SCIENCE_ROWS[1] - 0.5
        and SCIENCE_COLUMNS[0] - 0.5 <= column < SCIENCE_COLUMNS[1] - 0.5
    )
    if not inside:
        near = f": it would be at column {column:.1f}, row {row:.1f} (from 0)"
        raise FrameError(
            f"{star.to_string('hmsdms', precision=1)} is not on {frame.name}"
            + (near if abs(column) < 1e5 and abs(row) < 1e5 else "")
        )


def _check_same(frame: Frame, middle: Frame) -> None:
    if (frame.camera, frame.ccd) != (middle.camera, middle.ccd):
        raise FrameError(f"frames of {frame.name} and of {middle.name} in one cut-out")
    if frame.exposure_s != middle.exposure_s:
        raise FrameError(
            f"exposure times of {frame.exposure_s:g} s and {middle.exposure_s:g} s in one cut-out"
        )
    if frame.unit not in (ELECTRON, RATE):
        raise FrameError(f"a frame in {frame.unit}: calibrate it first")


def _piece(
    one: _Facts, first: tuple[int, int], shape: tuple[int, int]
) -> tuple[Frame, slice, slice]:
    """Pixels that a source has of a rectangle, and where in the rectangle they lie."""
    ranges = []
    for start, length, own, size in zip(
        first, shape, (one.frame.row, one.frame.column), one.shape, strict=True
    ):
        low, high = max(start, own), min(start + length, own + size)
        if high <= low:
            raise FrameError(f"{one.frame.name}: a frame has none of the pixels that are wanted")
        ranges.append((slice(low - own, high - own), slice(low - start, high - start)))
    (rows, to_rows), (columns, to_columns) = ranges
    if isinstance(one.source, PlainProduct):
        return one.source.read(rows, columns), to_rows, to_columns
    whole = one.source if isinstance(one.source, Frame) else read(one.source)
    return cut_frame(whole, (rows, columns)), to_rows, to_columns


def _shift(frame: Frame, star: SkyCoord, column: float, row: float) -> tuple[float, float]:
    world = wcs_of(frame)
    if world is None:
        return 0.0, 0.0
    x, y = _pixel_of(world, star)
    return x + frame.column - column, y + frame.row - row


def _times(frames: list[Frame], star: SkyCoord, ephemeris: Any) -> tuple[Array, Array, str]:
    """Middles of the exposures, the light travel time in them, and where that is true."""
    days = np.full(len(frames), np.nan)
    corrections = np.zeros(len(frames))
    places = set()
    for n, frame in enumerate(frames):
        times = frame.times
        if times is None:
            continue
        at_spacecraft = times.zero + times.mid - times.light_d
        state = None if ephemeris is None else ephemeris.state(at_spacecraft)
        try:
            when = float(barycentric_time(frame, star.ra.deg, star.dec.deg, state)[0])
            places.add("barycenter")
        except FrameError:
            when = times.zero + times.mid
            far = times.place == "barycenter"
            places.add("barycenter of the CCD's centre" if far else "spacecraft")
        days[n] = when - 2457000.0
        corrections[n] = when - at_spacecraft
    if len(places) > 1:
        raise FrameError(
            f"times of some frames are at the {' and of others at the '.join(sorted(places))}: "
            "give an ephemeris, or frames of one kind"
        )
    return days, corrections, places.pop() if places else "unknown"
