"""Reading and writing frames."""

from __future__ import annotations

import os
from errno import EEXIST

from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.blocks import RawHDU, content, crc32, read_blocks
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.fits.quadrants import CAMERA_SHAPE
from tica_fn.fits.unpack import untiled
from tica_fn.frame import Frame
from tica_fn.models import SourceFile

__all__ = ["frames_of", "read", "read_camera", "read_ccds", "write"]


def read(path: str | os.PathLike[str], ccd: int | None = None) -> Frame:
    """Read a frame.

    Parameters
    ----------
    path : path-like
        Raw full-frame image (SPOC's ``*_ffir.fits``, or POC/TSO's camera frame), or a calibrated
        product in TICA's or SPOC's layout; plain, gzipped or tile-compressed.  Checksums in the
        file are verified.
    ccd : int, optional
        CCD of a camera frame, 1 to 4; `read_camera` reads all four.

    Returns
    -------
    Frame
        (2078, 2136): int32 ADU for a raw frame, float32 for a calibrated one; (2048, 2048) if the
        file contains the science pixels only.

    Raises
    ------
    BadFileError
        If the file is not FITS, damaged, of another kind, or lacks what a frame needs.
    FrameError
        If it is a camera frame and no CCD is named, or a frame of another CCD.
    OSError
        If the file can't be read.
    """
    hdus, source = _opened(path)
    kind = kind_of(path, hdus)
    if kind.ccds is not None and ccd not in kind.ccds:
        raise FrameError(
            f"{path}: a camera frame holds four CCDs: choose one with read(path, ccd=1) to "
            "ccd=4, or use tica_fn.read_camera"
        )
    (frame,) = frames_of(path, hdus, source, None if ccd is None else (ccd,))
    if ccd not in (None, frame.ccd):
        raise FrameError(f"{path}: holds CCD {frame.ccd}, not CCD {ccd}")
    return frame


def read_camera(path: str | os.PathLike[str]) -> tuple[Frame, ...]:
    """Read the four CCDs of a camera frame.

    Parameters
    ----------
    path : path-like
        POC/TSO camera frame, raw, or assembled from calibrated CCDs; plain or gzipped.

    Returns
    -------
    tuple of Frame
        CCDs 1, 2, 3, 4, each in its own orientation.

    Raises
    ------
    BadFileError
        If the file is damaged, of another kind, or lacks what a frame needs.
    OSError
        If the file can't be read.
    """
    hdus, source = _opened(path)
    if kind_of(path, hdus).ccds is None:
        raise BadFileError(
            f"{path}: not a camera frame ({CAMERA_SHAPE[0]} x {CAMERA_SHAPE[1]} in the primary HDU)"
        )
    return frames_of(path, hdus, source)


def read_ccds(path: str | os.PathLike[str]) -> tuple[Frame, ...]:
    """Read all CCDs of a file."""
    hdus, source = _opened(path)
    return frames_of(path, hdus, source)


def _opened(path: str | os.PathLike[str]) -> tuple[list[RawHDU], SourceFile]:
    """Uncompressed HDUs of a file, and its name and checksum."""
    data = content(path)
    source = SourceFile(name=os.path.basename(path), crc32=crc32(data))  # noqa: PTH119
    return untiled(path, read_blocks(path, data)), source


def frames_of(
    path: str | os.PathLike[str],
    hdus: list[RawHDU],
    source: SourceFile | None = None,
    ccds: tuple[int, ...] | None = None,
) -> tuple[Frame, ...]:
    """Make frames from the HDUs of a file, of all its CCDs or of those in `ccds`."""
    kind = kind_of(path, hdus)
    if kind.frames is None:
        raise BadFileError(
            f"{path}: a target pixel file holds many cadences; use tica_fn.read_target"
        )
    return kind.frames(path, hdus, source, ccds or kind.ccds or ())


def write(
    frame: Frame,
    path: str | os.PathLike[str],
    overwrite: bool = False,
    *,
    layout: str = "tica",
) -> None:
    """Write a calibrated frame.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, (2078, 2136), or its science pixels.  TICA's layout needs electrons;
        SPOC's needs the variance.  TICA's layout stores variance and flags in extensions, if the
        frame has them.
    path : path-like
        File to write, complete or not at all; gzipped if the name ends in ``.gz``, tile-compressed
        without loss (GZIP_2) if it ends in ``.fz``.
    overwrite : bool
        Replace an existing file.
    layout : str
        ``"tica"``: image in the primary HDU, electrons per exposure.  ``"spoc"``: image and
        uncertainty in extensions, electrons per second.

    Raises
    ------
    FrameError
        If the layout can't hold the frame.
    ValueError
        If there is no such layout.
    FileExistsError
        If the file exists and `overwrite` is false.
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import tica_fn
    >>> frame = tica_fn.Frame(pixels=np.ones((2048, 2048)), column=44, unit="electron", camera=2,
    ...                       ccd=3, exposure_s=1800, coadds=720)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "one.cal.fits"
    ...     tica_fn.write(frame, path)
    ...     float(tica_fn.read(path).pixels.sum())
    4194304.0
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be {' or '.join(map(repr, LAYOUTS))}, not {layout!r}")
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(
            EEXIST, "exists already; overwrite=True (--overwrite) replaces it", str(path)
        )
    packing = "gzip2" if os.fspath(path).endswith(".fz") else "none"
    LAYOUTS[layout].write(frame, path, packing)
