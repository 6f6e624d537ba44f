"""Names of products."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import PurePath

from tica_fn.errors import FrameError
from tica_fn.fits.clocks import spacecraft_times, utc_text
from tica_fn.fits.hlsp import SEGMENTS, is_hlsp_name, segment_of
from tica_fn.fits.layouts import LAYOUTS, PACKINGS
from tica_fn.frame import Frame

__all__ = [
    "SEGMENTS",
    "hlsp_name",
    "is_hlsp_name",
    "product_name",
    "segment_of",
    "spoc_name",
    "stem_of",
]


def stem_of(path: str | os.PathLike[str]) -> str:
    """Name of a file without the endings of FITS and compression."""
    name = PurePath(path).name
    return re.sub(r"(?<=.)(\.(fits?|fts))?(\.fz)?(\.gz)?$", "", name, count=1, flags=re.IGNORECASE)


def product_name(
    source: str | os.PathLike[str],
    *,
    ccd: int | None = None,
    layout: str = "tica",
    compress: str = "none",
) -> str:
    """Name of a product, made from its input's.

    Parameters
    ----------
    source : path-like
        The input file.
    ccd : int, optional
        CCD of a camera frame.
    layout : str
        One of `LAYOUTS`, or ``"raw"`` for uncalibrated pixels.
    compress : str
        ``"none"``, ``"gzip"``, ``"rice"`` or ``"gzip2"``.

    Returns
    -------
    str
        ``<stem>.cal.fits``; in SPOC's layout the stem with ``ffir`` replaced by ``ffic`` and
        without a product's ``.cal``.  ``_ccd<d>`` follows the stem of a camera frame.

    Examples
    --------
    >>> from tica_fn.fits.names import product_name
    >>> product_name("tess2021039000000-00116470-1-crm-ffi.fits.gz", ccd=3)
    'tess2021039000000-00116470-1-crm-ffi_ccd3.cal.fits'
    >>> product_name("tess2018349182459-s0006-2-3-0126-s_ffir.fits", layout="spoc")
    'tess2018349182459-s0006-2-3-0126-s_ffic.fits'
    >>> product_name("tess2018349182459-s0006-2-3-0126-s_ffir.cal.fits", layout="spoc")
    'tess2018349182459-s0006-2-3-0126-s_ffic.fits'
    """
    stem = stem_of(source) + (f"_ccd{ccd}" if ccd is not None else "")
    if layout != "raw":
        stem = LAYOUTS[layout].stem(stem)
    return f"{stem}.fits{PACKINGS[compress]}"


def hlsp_name(frame: Frame, segment: str | None = None, compress: str = "none") -> str:
    """Name of a product like TICA's at MAST.

    Parameters
    ----------
    frame : Frame
        The frame, with its sector and cadence.
    segment : str, optional
        Orbit of the sector, one of `SEGMENTS`; by default the header's.
    compress : str
        ``"none"``, ``"gzip"``, ``"rice"`` or ``"gzip2"``.

    Returns
    -------
    str
        ``hlsp_tica_tess_ffi_s<ssss>-<orbit>-<cadence>-cam<c>-ccd<d>_tess_v01_img.fits``.

    Raises
    ------
    FrameError
        If sector, cadence or orbit are unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame
    >>> from tica_fn.fits.names import hlsp_name
    >>> frame = Frame(pixels=np.zeros((2078, 2136)), unit="electron", camera=1, ccd=2,
    ...               exposure_s=600, coadds=240, sector=35, cadence=123456,
    ...               header={"ORBIT_ID": 78})
    >>> hlsp_name(frame)
    'hlsp_tica_tess_ffi_s0035-o2-00123456-cam1-ccd2_tess_v01_img.fits'
    """
    segment = segment or segment_of(frame)
    asked = "orbit segment (--orbit-segment)"
    known = {"sector": frame.sector, "cadence": frame.cadence, asked: segment}
    missing = [what for what, value in known.items() if value is None]
    if missing:
        raise FrameError(
            f"{frame.name}: an HLSP name needs the {' and the '.join(missing)}, which neither the "
            "header nor the file's name says"
        )
    if not re.fullmatch(r"o[1-4][ab]?", str(segment)):
        raise FrameError(f"{frame.name}: ORB_SEG is {segment!r}, not one of {', '.join(SEGMENTS)}")
    return (
        f"hlsp_tica_tess_ffi_s{frame.sector:04d}-{segment}-{frame.cadence:08d}"
        f"-cam{frame.camera}-ccd{frame.ccd}_tess_v01_img.fits{PACKINGS[compress]}"
    )


def spoc_name(frame: Frame, compress: str = "none") -> str:
    """Name like that of the mission's calibrated frames, for programs that look for such names.

    Parameters
    ----------
    frame : Frame
        The frame, with its sector and its times.  The time stamp comes from the name of its file
        or raw file, if that starts with ``tess<stamp>-``.
    compress : str
        ``"none"`` or ``"gzip"``.

    Returns
    -------
    str
        ``tess<stamp>-s<ssss>-<c>-<d>-<scid>-s_ffic.fits``; the stamp is the UTC of the start at the
        spacecraft, the spacecraft's configuration is 0000 if the header lacks it.

    Raises
    ------
    FrameError
        If the sector or the time is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, SourceFile
    >>> from tica_fn.fits.names import spoc_name
    >>> source = SourceFile(name="tess2021039000000-00116470-1-crm-ffi.fits", crc32="0" * 8)
    >>> frame = Frame(pixels=np.zeros((2078, 2136)), unit="electron", camera=1, ccd=2,
    ...               exposure_s=600, coadds=240, sector=35, source=source)
    >>> spoc_name(frame)
    'tess2021039000000-s0035-1-2-0000-s_ffic.fits'
    """
    stamp = _stamp(frame)
    if stamp is None or frame.sector is None:
        raise FrameError(
            f"{frame.name}: SPOC's name needs the sector and the time, which neither the header "
            "nor the file's name says"
        )
    scid = frame.header.get("SCCONFIG")
    number = scid if isinstance(scid, int) else 0
    return (
        f"tess{stamp}-s{frame.sector:04d}-{frame.camera}-{frame.ccd}-{number:04d}-s_ffic.fits"
        f"{PACKINGS[compress]}"
    )


def _stamp(frame: Frame) -> str | None:
    """Start of a frame: year, day of the year and time, 13 digits."""
    for name in (frame.source.name if frame.source else "", str(frame.header.get("RAWFILE", ""))):
        if found := re.match(r"tess(\d{13})-", name):
            return found[1]
    if frame.times is None:
        return None
    times = spacecraft_times(frame.times)
    return datetime.fromisoformat(utc_text(times, times.start)).strftime("%Y%j%H%M%S")
