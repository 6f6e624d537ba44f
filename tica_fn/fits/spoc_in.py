"""Calibrated full-frame images in SPOC's layout, read: ``*_ffic.fits`` of either maker."""

from __future__ import annotations

import os
from collections import ChainMap
from typing import Any

import numpy as np

from tica_fn.detector import AMPLIFIERS, SHAPE
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.keywords import number
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.fits.provenance import provenance_of, steps_of
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.spoc import image_of, spoc_facts
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.provenance import SourceFile
from tica_fn.steps import STANDARD_ORDER

__all__ = ["frame_from_ffic", "is_ffic", "plane_of"]


def is_ffic(hdus: list[RawHDU]) -> bool:
    """Tell a calibrated full-frame image from a raw one.

    Parameters
    ----------
    hdus : list of RawHDU
        HDUs with an image in HDU 1.

    Returns
    -------
    bool
        Whether HDU 1 holds reals and says that it is calibrated, or an uncertainty follows.
    """
    header = hdus[1].header
    said = str(header.get("EXTNAME", "")).strip().endswith("cal") or (
        str(header.get("IMAGTYPE", "")).strip() == "cal"
    )
    return int(header["BITPIX"]) < 0 and (said or len(hdus) > 2)


def plane_of(
    path: str | os.PathLike[str], hdus: list[RawHDU], name: str, shape: tuple[int, int]
) -> Array | None:
    """Image of a named extension.

    Parameters
    ----------
    path : path-like
        File, for messages.
    hdus : list of RawHDU
        Its HDUs.
    name : str
        End of the extension's name.
    shape : tuple of int
        Rows and columns that it must have.

    Returns
    -------
    ndarray or None
        None where there is no such extension.
    """
    for hdu in hdus[1:]:
        if str(hdu.header.get("EXTNAME", "")).strip().endswith(name):
            return image_of(path, hdu, shape)
    return None


def frame_from_ffic(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame of a calibrated full-frame image in SPOC's layout.

    Parameters
    ----------
    path : path-like
        File, for messages and the sector in its name.
    hdus : list of RawHDU
        Primary, image, uncertainty, and what else there is.
    source : SourceFile, optional
        Name and checksum of the file.

    Returns
    -------
    Frame
        (2078, 2136) or (2048, 2048) float32, electron per second, with its variance, and its flags
        where the file has them.

    Raises
    ------
    BadFileError
        If a keyword is missing or impossible, or an image has another shape.
    """
    header: Any = ChainMap(hdus[1].header, hdus[0].header)
    trimmed = (header.get("NAXIS2"), header.get("NAXIS1")) == TRIMMED_SHAPE
    shape = TRIMMED_SHAPE if trimmed else SHAPE
    row, column = origin_of(hdus[1].header) if trimmed else (0, 0)
    error = plane_of(path, hdus, "uncert", shape)
    said = steps_of(hdus[0].header)
    pedestals = [number(path, header, f"PEDEST_{letter}") for letter in AMPLIFIERS]
    known = any(value is not None for value in pedestals)
    facts = spoc_facts(path, hdus)
    facts["header"] = OriginalHeader(hdus[0].text, hdus[1].text)
    return Frame(
        pixels=image_of(path, hdus[1], shape),
        unit=RATE,
        row=row,
        column=column,
        steps=(*STANDARD_ORDER, "divide_live_time") if said is None else said,
        pedestals=[np.nan if value is None else value for value in pedestals] if known else None,
        variance=None if error is None else error * error,
        quality=plane_of(path, hdus, "PIXEL_QUALITY", shape),
        source=source,
        provenance=provenance_of(hdus[0].header),
        **facts,
    )
