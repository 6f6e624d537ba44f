"""Write raw full-frame images in the mission's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tica_fn.frame import Frame
from tica_fn.simulate.frame_times import utc
from tica_fn.simulate.raw_file import check_counts, fill_header, save
from tica_fn.simulate.spoc_header import raw_image_cards, raw_primary_cards, times_or_zero

__all__ = ["spoc_raw_name", "write_spoc_raw"]


def spoc_raw_name(frame: Frame) -> str:
    """File name of a raw frame in the archive.

    Parameters
    ----------
    frame : Frame
        A frame with times and sector.

    Returns
    -------
    str
        For example ``tess2018349182939-s0006-2-3-0126-s_ffir.fits``.
    """
    stamp = utc(times_or_zero(frame).start).strftime("%Y%j%H%M%S")
    sector = frame.sector or 0
    configuration = 120 + sector
    return f"tess{stamp}-s{sector:04d}-{frame.camera}-{frame.ccd}-{configuration:04d}-s_ffir.fits"


def write_spoc_raw(frame: Frame, path: str | Path) -> Path:
    """Write a raw frame like the archive's ``*_ffir.fits``: no primary data, int32 in HDU 1.

    Parameters
    ----------
    frame : Frame
        Raw counts, ADU.
    path : path
        The file, ``.fits`` or ``.fits.gz``; or a folder, in which the file gets the archive's name.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FrameError
        If the frame does not hold raw counts.
    """
    from astropy.io import fits

    check_counts(frame)
    path = Path(path)
    if path.is_dir():
        path = path / spoc_raw_name(frame)
    primary = fits.PrimaryHDU()
    fill_header(primary.header, raw_primary_cards(frame))
    image = fits.ImageHDU(np.array(frame.pixels))
    fill_header(image.header, raw_image_cards(frame))
    return save(fits.HDUList([primary, image]), path)
