"""Images in and out of the solutions: the rim of `tica_fn.wcs`.

`read_image` takes every kind of full readout that a solution can be fitted to and is as lenient
with headers as the fit allows; `replacing` makes files that appear whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import ChainMap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import RawHDU, content, read_blocks
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.spoc import image_of
from tica_fn.frame import Frame
from tica_fn.immutable import freeze
from tica_fn.wcs.image_header import frame_of_header

__all__ = ["ImageFile", "open_hdus", "read_image", "replacing"]


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
    """Write a file whole or not at all: aside, to disk, then renamed."""
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
    """Split a file into HDUs without reading more of it than is looked at."""
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
