"""Reading and writing frames: which file is of which kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tica_fn.detector import CCDS, SHAPE
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.blocks import RawHDU, content, crc32, read_blocks
from tica_fn.fits.extensions import quality_hdu, uncertainty_hdu
from tica_fn.fits.poc import frame_from_poc, frames_of_camera, is_camera_shape
from tica_fn.fits.quadrants import CAMERA_SHAPE
from tica_fn.fits.spoc import frame_from_spoc
from tica_fn.fits.spoc_in import frame_from_ffic, is_ffic
from tica_fn.fits.spoc_out import write_spoc
from tica_fn.fits.tica import write_tica
from tica_fn.fits.tica_in import frame_from_tica
from tica_fn.fits.tiled import untiled
from tica_fn.frame import Frame
from tica_fn.models import SourceFile

__all__ = ["frame_of", "kind_of", "read", "read_camera", "read_ccds", "write"]


def kind_of(path: str | os.PathLike[str], hdus: list[RawHDU]) -> str:
    """Tell what a FITS file of TESS is."""
    first = hdus[0].header
    second: Mapping[str, Any] = hdus[1].header if len(hdus) > 1 else {}
    if int(first["NAXIS"]) == 2:
        if is_camera_shape(first):
            return "camera"
        if "CCDNUM" in first and "UNITS" not in first:
            return "poc"
        if str(first.get("UNITS", "")).strip() == "electrons":
            return "tica"
        raise BadFileError(
            f"{path}: an image of {first['NAXIS2']} x {first['NAXIS1']} pixels in the primary HDU "
            "that is not a calibrated product (UNITS = 'electrons')"
        )
    if second.get("XTENSION") == "BINTABLE" and _has_column(second, "RAW_CNTS"):
        return "target"
    if second.get("XTENSION") == "IMAGE":
        if is_camera_shape(second):
            return "camera"
        return "ffic" if is_ffic(hdus) else "spoc"
    raise BadFileError(
        f"{path}: neither a full-frame image ({SHAPE[0]} x {SHAPE[1]} in HDU 1) nor a target pixel "
        "file (RAW_CNTS in HDU 1)"
    )


def _has_column(header: Mapping[str, Any], name: str) -> bool:
    count = int(header.get("TFIELDS", 0))
    return any(header.get(f"TTYPE{n}") == name for n in range(1, count + 1))


def read(path: str | os.PathLike[str], ccd: int | None = None) -> Frame:
    """Read a frame.

    Parameters
    ----------
    path : path-like
        Raw full-frame image (SPOC's ``*_ffir.fits``, or POC/TSO's camera frame), or a calibrated
        product in TICA's or SPOC's layout; plain or gzipped.  Checksums that the file holds are
        verified.
    ccd : int, optional
        Which CCD of a camera frame, 1 to 4; `read_camera` gives all four.

    Returns
    -------
    Frame
        (2078, 2136): int32 ADU of a raw frame, float32 of a calibrated one; (2048, 2048) where
        the file holds the science pixels only.

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
    if kind_of(path, hdus) == "camera":
        if ccd not in CCDS:
            raise FrameError(
                f"{path}: a camera frame holds four CCDs: say which one, read(path, ccd=1) to "
                "ccd=4, or use tica_fn.read_camera"
            )
        return frames_of_camera(path, hdus, source, (ccd,))[0]
    frame = frame_of(path, hdus, source)
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
    if kind_of(path, hdus) != "camera":
        raise BadFileError(
            f"{path}: not a camera frame ({CAMERA_SHAPE[0]} x {CAMERA_SHAPE[1]} in the primary HDU)"
        )
    return frames_of_camera(path, hdus, source)


def read_ccds(path: str | os.PathLike[str]) -> tuple[Frame, ...]:
    """Read all CCDs that a file holds."""
    hdus, source = _opened(path)
    if kind_of(path, hdus) == "camera":
        return frames_of_camera(path, hdus, source)
    return (frame_of(path, hdus, source),)


def _opened(path: str | os.PathLike[str]) -> tuple[list[RawHDU], SourceFile]:
    """HDUs of a file, unpacked, and its name and checksum."""
    data = content(path)
    source = SourceFile(name=os.path.basename(path), crc32=crc32(data))  # noqa: PTH119
    return untiled(path, data, read_blocks(path, data)), source


def frame_of(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame of a file that has been read and holds one CCD."""
    kind = kind_of(path, hdus)
    if kind == "target":
        raise BadFileError(
            f"{path}: a target pixel file holds many cadences; use tica_fn.read_target"
        )
    return _MAKERS.get(kind, frame_from_spoc)(path, hdus, source)


_MAKERS = {
    "tica": frame_from_tica,
    "ffic": frame_from_ffic,
    "poc": frame_from_poc,
    "spoc": frame_from_spoc,
}


def write(frame: Frame, path: str | os.PathLike[str], *, layout: str = "tica") -> None:
    """Write a calibrated frame.

    Parameters
    ----------
    frame : Frame
        Calibrated frame, (2078, 2136), or its science pixels; in TICA's layout in electrons, in
        SPOC's with its variance.  TICA's layout holds variance and flags in extensions, where the
        frame has them.
    path : path-like
        File to write, whole or not at all; gzipped where the name ends in ``.gz``.
    layout : str
        ``"tica"``: image in the primary HDU, electrons per exposure.  ``"spoc"``: image and
        uncertainty in extensions, electrons per second.

    Raises
    ------
    FrameError
        If the frame is not what the layout holds.
    ValueError
        If there is no such layout.
    OSError
        If the file can't be written.
    """
    if layout not in ("tica", "spoc"):
        raise ValueError(f"layout is 'tica' or 'spoc', not {layout!r}")
    if layout == "spoc":
        write_spoc(frame, path, quality=frame.quality is not None)
        return
    planes = []
    if frame.variance is not None:
        planes.append(uncertainty_hdu(frame, path))
    if frame.quality is not None:
        planes.append(quality_hdu(frame, path))
    write_tica(frame, path, planes)
