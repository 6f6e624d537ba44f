"""Images in and out of the solutions: the rim of `tica_fn.wcs`.

`read_image` takes every kind of full readout that a solution can be fitted to and is as lenient
with headers as the fit allows; `replacing` makes files that appear whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections import ChainMap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.blocks import RawHDU, content, read_blocks
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.spoc import image_of
from tica_fn.frame import ADU, ELECTRON, Frame, Times
from tica_fn.immutable import Array, freeze

__all__ = ["ImageFile", "frame_of_header", "open_hdus", "read_image", "replacing"]

_SECTOR_IN_NAME = re.compile(r"[-_]s(\d{4})[-_]")


@attrs.frozen(eq=False)
class ImageFile:
    """An image file that was read.

    Parameters
    ----------
    path : pathlib.Path
        Where it is.
    hdus : list of RawHDU
        What is in it.
    image : int
        Index of the HDU with the image.
    gzipped : bool
        Whether it is compressed as a whole.
    frame : Frame
        The image.
    """

    path: Path
    hdus: list[RawHDU]
    image: int
    gzipped: bool
    frame: Frame


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file whole or not at all: aside, to disk, then renamed.

    Parameters
    ----------
    path : path-like
        File to make; one that is there is replaced at the end and keeps its permissions.  A link
        stays, and what it points to is replaced.

    Yields
    ------
    pathlib.Path
        File to write instead, in the same folder.
    """
    path = Path(path).resolve()
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path.parent)) from error
    aside = Path(name)
    try:
        os.fchmod(handle, 0o644)
        os.close(handle)
        yield aside
        if path.exists():
            shutil.copymode(path, aside)
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_image(
    path: str | os.PathLike[str],
    camera: int | None = None,
    ccd: int | None = None,
    *,
    anonymous: bool = False,
) -> ImageFile:
    """Read a full readout with its headers.

    Parameters
    ----------
    path : path-like
        TICA layout (image in the primary HDU), SPOC layout (``*ffic*``, image in HDU 1), or raw
        (``*ffir*``); plain, ``.gz``, or tile-compressed.  Checksums it holds are verified.
    camera, ccd : int, optional
        For files whose header does not say; a header that says another is an error.
    anonymous : bool
        Take camera 1 and CCD 1 where neither header nor caller says, for those who do not care.

    Returns
    -------
    ImageFile
        The image as a frame, and the file's parts.

    Raises
    ------
    BadFileError
        If it is not such a file.
    FrameError
        If camera and CCD are not known or contradict the header.
    OSError
        If it can't be read.
    """
    path = Path(path)
    hdus, gzipped = open_hdus(path, verify=True)
    index = next((k for k, hdu in enumerate(hdus[:2]) if _image_shape(hdu.header) == SHAPE), -1)
    if index < 0:
        shapes = ", ".join(str(_image_shape(hdu.header)) for hdu in hdus)
        raise BadFileError(
            f"{path}: no {SHAPE[0]} x {SHAPE[1]} image of a CCD in HDU 0 or 1 (it has {shapes})"
        )
    image = hdus[index]
    if image.header.get("ZIMAGE"):
        from astropy.io import fits

        with fits.open(path, memmap=False) as opened:
            pixels = freeze(np.array(opened[index].data, copy=True))
    else:
        pixels = image_of(path, image, SHAPE)
    header: Any = ChainMap(image.header, hdus[0].header) if index else image.header
    if anonymous:
        header = ChainMap(header, {"CAMNUM": 1, "CCDNUM": 1})
    frame = frame_of_header(pixels, header, str(path), camera, ccd)
    texts = [hdus[0].text, image.text] if index else [image.text]
    frame = attrs.evolve(frame, header=OriginalHeader(*texts))
    return ImageFile(path, hdus, index, gzipped, frame)


def open_hdus(path: str | os.PathLike[str], *, verify: bool = False) -> tuple[list[RawHDU], bool]:
    """Split a file into HDUs without reading more of it than is looked at.

    Parameters
    ----------
    path : path-like
        FITS file, plain or gzipped.
    verify : bool
        Whether to verify the checksums that it holds.

    Returns
    -------
    hdus : list of RawHDU
        Its parts.
    gzipped : bool
        Whether it is compressed as a whole.

    Raises
    ------
    BadFileError
        If it is no FITS file, or damaged.
    OSError
        If it can't be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    if gzipped or not path.stat().st_size:
        return read_blocks(path, content(path), verify=verify), gzipped
    # A plain file is only looked at where it is: what replaces it is another file.
    whole: Any = np.memmap(path, np.uint8, "r")
    return read_blocks(path, memoryview(whole), verify=verify), gzipped


def _image_shape(header: Any) -> tuple[int, ...]:
    key = "ZNAXIS" if header.get("ZIMAGE") else "NAXIS"
    if str(header.get("XTENSION", "IMAGE")).strip() != "IMAGE" and key == "NAXIS":
        return ()
    return tuple(int(header[f"{key}{k}"]) for k in range(int(header[key]), 0, -1))


def frame_of_header(
    pixels: Array, header: Any, name: str, camera: int | None = None, ccd: int | None = None
) -> Frame:
    """Make a frame of pixels and a header of any of the layouts.

    Parameters
    ----------
    pixels : ndarray
        (2078, 2136) image.
    header : mapping
        Cards of the image's and the primary header.
    name : str
        File name: for messages, and for the sector.
    camera, ccd : int, optional
        For headers that do not say.

    Returns
    -------
    Frame
        In electrons per exposure, or in ADU when it was not calibrated.

    Raises
    ------
    FrameError
        If camera and CCD are not known or contradict the header.
    """
    camera = _agree(name, "camera", camera, header, ("CAMERA", "CAM", "CAMNUM"))
    ccd = _agree(name, "ccd", ccd, header, ("CCD", "CCDNUM"))
    named = _SECTOR_IN_NAME.search(Path(name).name)
    sector = header.get("SECTOR") or (int(named.group(1)) if named else None)
    exposure = _exposure(header, sector)
    unit = str(header.get("BUNIT", header.get("UNITS", ""))).strip().lower()
    raw = "ffir" in Path(name).name or unit.startswith(("adu", "count", "dn"))
    raw = raw or (not unit and pixels.dtype.kind in "iu")
    if unit in ("e-/s", "electron/s", "electrons/s", "e/s"):
        pixels = np.asarray(pixels * np.float32(exposure * 0.8 * 0.99), np.float32)
    return Frame(
        pixels=pixels,
        unit=ADU if raw else ELECTRON,
        camera=camera,
        ccd=ccd,
        exposure_s=exposure,
        coadds=float(header.get("NREADOUT") or exposure * 0.8 / 2.0),
        sector=int(sector) if sector is not None else None,
        cadence=header.get("CADENCE", header.get("FFIINDEX")),
        times=_times(header),
    )


def _agree(name: str, what: str, given: int | None, header: Any, keys: tuple[str, ...]) -> int:
    told = next((int(header[key]) for key in keys if header.get(key) is not None), None)
    if told is not None and given is not None and told != given:
        raise FrameError(f"{name}: {what} {given} was asked for, the header says {told}")
    if told is None and given is None:
        raise FrameError(f"{name}: the header has no {' or '.join(keys)}; give --{what}")
    return int(told if told is not None else given)  # type: ignore[arg-type]


def _exposure(header: Any, sector: int | None) -> float:
    """Interval from frame to frame in seconds, from whichever keyword says it."""
    if float(header.get("INT_TIME") or 0) >= 10:  # TICA; in SPOC's headers it is 1.98
        return float(header["INT_TIME"])
    seconds = float(header.get("EXPOSURE") or 0) * 86400.0 or float(header.get("EXPTIME") or 0)
    if seconds > 0:
        nominal = seconds / 0.8 / 0.99
        return min((20.0, 120.0, 200.0, 600.0, 1800.0), key=lambda s: abs(np.log(s / nominal)))
    if sector is None:
        return 1800.0
    return 1800.0 if sector <= 26 else 600.0 if sector <= 55 else 200.0


def _times(header: Any) -> Times | None:
    zero = float(header.get("TJD_ZERO", 2457000.0))
    if header.get("STARTTJD") is not None and header.get("ENDTJD") is not None:
        start, end = float(header["STARTTJD"]), float(header["ENDTJD"])
        return Times(
            start=start, mid=float(header.get("MIDTJD") or (start + end) / 2), end=end, zero=zero
        )
    if header.get("MIDTJD") is not None:
        mid = float(header["MIDTJD"])
        return Times(start=mid, mid=mid, end=mid, zero=zero)
    if header.get("TSTART") is not None and header.get("TSTOP") is not None:
        zero = float(header.get("BJDREFI", 2457000)) + float(header.get("BJDREFF") or 0.0)
        light = float(header.get("BARYCORR") or 0.0)
        start, end = float(header["TSTART"]) - light, float(header["TSTOP"]) - light
        return Times(start=start, mid=(start + end) / 2, end=end, zero=zero)
    if header.get("MJD-BEG") is not None and header.get("MJD-END") is not None:
        start, end = (float(header[key]) + 2400000.5 - zero for key in ("MJD-BEG", "MJD-END"))
        return Times(start=start, mid=(start + end) / 2, end=end, zero=zero)
    return None
