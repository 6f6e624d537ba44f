"""Reader of calibrated full-frame images in SPOC's layout: ``*_ffic.fits``, ours or SPOC's."""

from __future__ import annotations

import os

import numpy as np

from tica_fn.detector import AMPLIFIERS, SHAPE
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.header import OriginalHeader, merged
from tica_fn.fits.keywords import number
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.fits.provenance import provenance_of, steps_of
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.shared_variance import shared_of
from tica_fn.fits.spoc import image_of, spoc_facts
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.models import SourceFile
from tica_fn.steps.table import STANDARD_ORDER

__all__ = ["frame_from_ffic", "plane_of"]


def plane_of(
    path: str | os.PathLike[str], hdus: list[RawHDU], name: str, shape: tuple[int, int]
) -> Array | None:
    """Image of a named extension."""
    for hdu in hdus[1:]:
        if str(hdu.header.get("EXTNAME", "")).strip().endswith(name):
            return image_of(path, hdu, shape)
    return None


def frame_from_ffic(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame of a calibrated full-frame image in SPOC's layout."""
    header = merged(hdus[1].header, hdus[0].header)
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
        provenance=provenance_of(path, hdus[0].header),
        **shared_of(path, hdus, column, shape[1]),
        **facts,
    )
