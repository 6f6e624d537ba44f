"""Images that a solution can be fitted to: full readouts, with a lenient reading of headers.

The header is read strictly (`tica_fn.fits.keywords`) after its gaps are filled: numbers written as
text, camera and CCD given by the caller, and an exposure time from other keywords or the sector.
"""

from __future__ import annotations

import contextlib
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import LIVE_FRACTION, SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.atomic import Identity, identity_of
from tica_fn.fits.blocks import Buffer, RawHDU, content, read_blocks, read_headers
from tica_fn.fits.header import OriginalHeader, merged
from tica_fn.fits.keywords import facts_of, kept_fraction, nominal, number, sector_of
from tica_fn.fits.quadrants import CAMERA_SHAPE
from tica_fn.fits.sizes import is_packed
from tica_fn.fits.spoc import image_of
from tica_fn.fits.unpack import as_image
from tica_fn.frame import ADU, ELECTRON, Frame
from tica_fn.immutable import Array

__all__ = ["ImageFile", "image_of_hdus", "open_hdus", "read_image"]

TRIMMED = (2048, 2048)
"""Science pixels only, as ``--trim`` writes them."""
_KEYWORDS = {"camera": ("CAMERA", "CAMNUM", "CAM"), "ccd": ("CCD", "CCDNUM")}
_RATES = ("e-/s", "electron/s", "electrons/s", "e/s", "electron / s")


@attrs.frozen(eq=False)
class ImageFile:
    """An image file that was read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    hdus : list of RawHDU
        Its HDUs.
    image : int
        Index of the HDU with the image.
    gzipped : bool
        Whether the whole file is gzipped.
    frame : Frame
        The image.
    identity : tuple of int, optional
        Device, inode, size and times of the file, so that a file changed since is not replaced.
    """

    path: Path
    hdus: list[RawHDU]
    image: int
    gzipped: bool
    frame: Frame
    identity: Identity | None = None


def read_image(
    path: str | os.PathLike[str],
    camera: int | None = None,
    ccd: int | None = None,
    *,
    anonymous: bool = False,
    buffer: Buffer | None = None,
) -> ImageFile:
    """Read a full readout with its headers.

    Parameters
    ----------
    path : path-like
        TICA layout (image in the primary HDU), SPOC layout (``*ffic*``, image in HDU 1), or raw
        (``*ffir*``), whole or trimmed to the science pixels; plain, ``.gz``, or tile-compressed.
        Checksums in the file are verified.
    camera, ccd : int, optional
        For files whose header lacks them; a header that contradicts them is an error.
    anonymous : bool
        Use camera 1 and CCD 1 if neither header nor caller says, where it does not matter.
    buffer : Buffer, optional
        Memory for the file's parts, which are lost when the buffer is used again.

    Returns
    -------
    ImageFile
        The image as a frame, and the file's parts.

    Raises
    ------
    BadFileError
        If it is not such a file.
    FrameError
        If camera and CCD are unknown or contradict the header.
    OSError
        If it can't be read.
    """
    path = Path(path)
    identity = identity_of(path)
    hdus, gzipped = open_hdus(path, verify=True, buffer=buffer)
    image = image_of_hdus(path, hdus, camera, ccd, anonymous=anonymous)
    if identity_of(path) != identity:
        raise BadFileError(f"{path}: was changed by another program while it was read")
    return attrs.evolve(image, gzipped=gzipped, identity=identity)


def image_of_hdus(
    path: Path,
    hdus: list[RawHDU],
    camera: int | None = None,
    ccd: int | None = None,
    *,
    anonymous: bool = False,
) -> ImageFile:
    """Take the full readout that HDUs hold, as `read_image` does; what it is to be called is said.

    Their checksums are not verified.
    """
    sizes = [_image_shape(hdu.header) for hdu in hdus]
    index = next((k for k, size in enumerate(sizes) if size in (SHAPE, TRIMMED)), -1)
    if index < 0:
        shapes = ", ".join(map(str, sizes))
        raise BadFileError(
            f"{path}: no {SHAPE[0]} x {SHAPE[1]} image of a CCD in it (its images: {shapes})"
            + ("; split camera frames into their CCDs first" if CAMERA_SHAPE in sizes else "")
        )
    image = hdus[index]
    pixels = image_of(path, as_image(path, index, image), (sizes[index][0], sizes[index][1]))
    header: Any = merged(image.header, hdus[0].header) if index else image.header
    given = {"camera": camera, "ccd": ccd}
    if anonymous:
        header = ChainMap(header, {"CAMNUM": 1, "CCDNUM": 1})
    try:
        frame = _frame(path, pixels, header, given)
    except BadFileError as error:
        raise FrameError(str(error)) from error
    if sizes[index] == TRIMMED:
        frame = attrs.evolve(frame, row=SCIENCE_ROWS[0], column=SCIENCE_COLUMNS[0])
    texts = [hdus[0].text, image.text] if index else [image.text]
    frame = attrs.evolve(frame, header=OriginalHeader(*texts))
    return ImageFile(path, hdus, index, gzipped=False, frame=frame)


class _Filled(Mapping[str, Any]):
    """A header whose numbers may be written as text; empty text counts as missing."""

    def __init__(self, header: Any) -> None:
        self._header = header

    def __getitem__(self, keyword: str) -> Any:
        value = self._header[keyword]
        if not isinstance(value, str):
            return value
        with contextlib.suppress(ValueError):
            return float(value)
        return value if value.strip() else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._header)

    def __len__(self) -> int:
        return len(self._header)


def _frame(path: Path, pixels: Array, found: Any, given: dict[str, int | None]) -> Frame:
    """Make a frame of a full readout and its header."""
    header: Any = _Filled(found)
    for what, keywords in _KEYWORDS.items():
        told, asked = number(path, header, *keywords), given[what]
        if told is not None and asked is not None and told != asked:
            raise FrameError(f"{path}: {what} {asked} was requested, but the header says {told:g}")
        if told is None and asked is None:
            raise FrameError(f"{path}: the header has no {' or '.join(keywords)}; give --{what}")
        if told is None:
            header = ChainMap({keywords[0]: asked}, header)
    if not (number(path, header, "EXPOSURE") or 0.0) > 0.0:
        header = ChainMap({"EXPOSURE": None, "INT_TIME": _interval(path, header)}, header)
    facts = facts_of(path, header)
    unit = str(header.get("BUNIT", header.get("UNITS", ""))).strip().lower()
    raw = "ffir" in path.name or unit.startswith(("adu", "count", "dn"))
    raw = raw or (not unit and pixels.dtype.kind in "iu")
    frame = Frame(pixels=pixels, unit=ADU if raw else ELECTRON, **facts)
    if unit in _RATES:
        electrons = np.asarray(pixels * np.float32(frame.live_s), np.float32)
        frame = attrs.evolve(frame, pixels=electrons)
    return frame


def _interval(path: Path, header: Any) -> float:
    """Time from frame to frame if ``EXPOSURE`` is missing."""
    interval = number(path, header, "INT_TIME") or 0.0
    if interval >= 10:  # In SPOC's headers it is the 1.98 s of one read.
        return interval
    live = number(path, header, "EXPTIME") or 0.0
    if live > 0:
        return nominal(live / kept_fraction(path, header) / LIVE_FRACTION)
    sector = sector_of(path, header)
    if sector is None or sector <= 26:
        return 1800.0
    return 600.0 if sector <= 55 else 200.0


def open_hdus(
    path: str | os.PathLike[str], *, verify: bool = False, buffer: Buffer | None = None
) -> tuple[list[RawHDU], bool]:
    """Split a file into HDUs, reading only the needed parts."""
    with Path(path).open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return read_blocks(path, content(path, buffer)) if verify else read_headers(path), gzipped


def _image_shape(header: Any) -> tuple[int, ...]:
    key = "ZNAXIS" if is_packed(header) else "NAXIS"
    if str(header.get("XTENSION", "IMAGE")).strip() != "IMAGE" and key == "NAXIS":
        return ()
    return tuple(int(header[f"{key}{k}"]) for k in range(int(header[key]), 0, -1))
