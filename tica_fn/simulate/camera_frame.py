"""Camera frames in the format of the Payload Operations Center: four CCDs in one image.

CCD 3 is at the bottom left, 4 bottom right, 2 top left, 1 top right; CCDs 1 and 2 are rotated by
180 degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tica_fn.detector import CCDS, COLUMNS, ROWS
from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.simulate.frame_times import utc
from tica_fn.simulate.raw_file import Card, check_counts, fill_header, save
from tica_fn.simulate.spoc_header import times_or_zero

__all__ = ["camera_frame_name", "join_ccds", "write_camera_frame"]

_PLACES = {3: (0, 0), 4: (0, 1), 2: (1, 0), 1: (1, 1)}
_TURNED = (1, 2)
_OFFSET = 2147483648
_LIVE_OF_POC = 0.998449
"""Fraction of the interval that POC headers give as exposed, before cosmic-ray trimming."""


def join_ccds(images: Mapping[int, Array]) -> Array:
    """Join the readouts of four CCDs to a camera frame.

    Parameters
    ----------
    images : mapping of int to ndarray
        (2078, 2136) of CCD 1, 2, 3 and 4.

    Returns
    -------
    ndarray
        (4156, 4272), of the type of CCD 1's image.

    Raises
    ------
    FrameError
        If a CCD is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.simulate import join_ccds
    >>> joined = join_ccds({ccd: np.full((2078, 2136), ccd) for ccd in (1, 2, 3, 4)})
    >>> joined[0, 0], joined[0, -1], joined[-1, 0], joined[-1, -1]
    (np.int64(3), np.int64(4), np.int64(2), np.int64(1))
    """
    if set(images) != set(CCDS):
        raise FrameError(f"a camera frame holds CCDs 1, 2, 3 and 4, not {sorted(images)}")
    out = np.empty((2 * ROWS, 2 * COLUMNS), dtype=images[1].dtype)
    for ccd, (up, right) in _PLACES.items():
        image = images[ccd][::-1, ::-1] if ccd in _TURNED else images[ccd]
        out[up * ROWS : (up + 1) * ROWS, right * COLUMNS : (right + 1) * COLUMNS] = image
    return out


def camera_frame_name(frame: Frame) -> str:
    """File name of a camera frame, as used by the Payload Operations Center.

    Parameters
    ----------
    frame : Frame
        One of its CCDs.

    Returns
    -------
    str
        For example ``tess2018349182939-00009000-2-crm-ffi.fits``.
    """
    stamp = utc(times_or_zero(frame).start).strftime("%Y%j%H%M%S")
    return f"tess{stamp}-{frame.cadence or 0:08d}-{frame.camera}-crm-ffi.fits"


def _cards(frame: Frame) -> list[Card]:
    times = times_or_zero(frame)
    mitigation = bool(frame.header.get("CRMITEN", True))
    interval = int(frame.exposure_s) if frame.exposure_s == int(frame.exposure_s) else None
    orbit = 2 * (frame.sector or 1) + 7
    kept = 0.8 if mitigation else 1.0
    return [
        ("TIME", round(float(utc(times.start).gps), 6), "[s] GPS time of the start"),
        ("TJD_ZERO", 2457000.0, "[d] JD that TJD counts from"),
        ("STARTTJD", times.start, "[d] start, TDB at the spacecraft"),
        ("MIDTJD", times.mid, "[d] middle, TDB at the spacecraft"),
        ("ENDTJD", times.end, "[d] end, TDB at the spacecraft"),
        ("EXPTIME", frame.exposure_s * _LIVE_OF_POC * kept, "[s] exposure time"),
        ("INT_TIME", interval or frame.exposure_s, "[s] interval from frame to frame"),
        ("CAM", frame.camera, "camera number"),
        ("CADENCE", frame.cadence or 0, "cadence number"),
        ("CRM", mitigation, "cosmic ray mitigation on board"),
        ("CRM_N", 10, "exposures of a block of the mitigation"),
        ("ORBIT_ID", orbit, "orbit number"),
        ("ACS_MODE", "FP", "attitude control mode"),
        ("SC_RA", 0.0, "[deg] spacecraft pointing"),
        ("SC_DEC", 0.0, "[deg] spacecraft pointing"),
        ("SC_ROLL", 0.0, "[deg] spacecraft pointing"),
        ("SC_QUATX", 0.0, "spacecraft attitude"),
        ("SC_QUATY", 0.0, "spacecraft attitude"),
        ("SC_QUATZ", 0.0, "spacecraft attitude"),
        ("SC_QUATQ", 1.0, "spacecraft attitude"),
        ("PIX_CAT", 0, "pixel category"),
        ("REQUANT", 405, "requantisation table"),
        ("DIFF_HUF", 109, "Huffman table of differences"),
        ("PRIM_HUF", 17, "primary Huffman table"),
        ("QUAL_BIT", 0, "quality"),
        ("SPM", 2, "science processing mode"),
        ("SCIPIXS", "[45:2092,1:2048]", "science pixels of a CCD"),
        ("SIMDATA", True, "file is based on simulated data"),
    ]


def write_camera_frame(frames: Mapping[int, Frame], path: str | Path) -> Path:
    """Write the raw frames of a camera's four CCDs as one camera frame.

    Parameters
    ----------
    frames : mapping of int to Frame
        Raw counts of CCD 1, 2, 3 and 4 of one camera and cadence.
    path : path
        The file, ``.fits`` or ``.fits.gz``; or a folder, in which the file gets the usual name.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FrameError
        If a CCD is missing, if the frames are not of one camera and cadence, or if they are not raw
        counts.
    """
    from astropy.io import fits

    joined = join_ccds({ccd: frame.pixels for ccd, frame in frames.items()})
    first = frames[1]
    for ccd, frame in frames.items():
        check_counts(frame)
        if (frame.camera, frame.ccd, frame.cadence) != (first.camera, ccd, first.cadence):
            raise FrameError(
                f"CCD {ccd} of a camera frame is of {frame.name}, cadence {frame.cadence}; CCD 1 "
                f"is of {first.name}, cadence {first.cadence}"
            )
    path = Path(path)
    if path.is_dir():
        path = path / camera_frame_name(first)
    # Unsigned integers in FITS are signed ones with an offset of 2**31.
    hdu = fits.PrimaryHDU((joined.astype(np.int64) - _OFFSET).astype(np.int32))
    hdu.header["BZERO"] = (_OFFSET, "offset of unsigned integers")
    hdu.header["BSCALE"] = (1, "scale of the values")
    fill_header(hdu.header, _cards(first))
    return save(fits.HDUList([hdu]), path)
