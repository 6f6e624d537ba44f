"""Pixels around a sky position, from many frames, as a target pixel object.

The same pixels are taken from every frame: those around the position by the WCS of the middle
frame.  Times are barycentric for this position if the spacecraft's position is known; otherwise
the frames' times are kept, and `Cutout.place` says which they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

from tica_fn.errors import FrameError
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.frame import RATE, Frame
from tica_fn.products.cutout_file import Cutout
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


def cutout(
    frames: Iterable[Source] | Source,
    coordinate: SkyCoord | Sequence[float] | str,
    size: int | tuple[int, int] = 11,
    *,
    ephemeris: Any = None,
) -> Cutout:
    """Cut the pixels around a sky position out of many frames.

    Parameters
    ----------
    frames : iterable of Frame or path-like
        Calibrated frames of one camera and CCD, or their files; of plain files only the needed
        rows are read.
    coordinate : SkyCoord, pair of float, or str
        The position: an astropy coordinate, right ascension and declination in degrees, or a string
        that `SkyCoord` understands.
    size : int or tuple of int
        Side of the square in pixels, or rows and columns.
    ephemeris : Ephemeris, optional
        Positions of the spacecraft, see `tica_fn.wcs.read_ephemeris`; by default those in the
        frames' headers.

    Returns
    -------
    Cutout
        Fluxes with errors, times and quality; it can write files and make lightkurve objects.

    Raises
    ------
    FrameError
        If there are no frames, none has a WCS, they are of several CCDs or exposure times, are
        not calibrated, or the position is not on their science pixels.
    OSError
        If a file can't be read.

    Notes
    -----
    Time at the barycentre: ``t + r . n / c``, with the position ``r`` of the spacecraft and the
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
        raise FrameError("no frames given for the cutout")
    star = sky_place(coordinate)
    facts = sorted((facts_of_source(source) for source in sources), key=moment)
    middle, world = middle_frame(facts)
    column, row = pixel_of(world, star)
    height, width = (size, size) if isinstance(size, int | np.integer) else size
    if height < 1 or width < 1:
        raise ValueError(f"the size of a cutout must be positive, not {height} x {width}")
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
