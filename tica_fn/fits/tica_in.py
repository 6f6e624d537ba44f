"""Reader of calibrated products in TICA's layout."""

from __future__ import annotations

import os

from tica_fn.detector import AMPLIFIERS, SCIENCE_COLUMNS, SHAPE
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.keywords import facts_of, number
from tica_fn.fits.provenance import provenance_of, steps_of
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.shared_variance import shared_of
from tica_fn.fits.spoc import image_of
from tica_fn.fits.spoc_in import plane_of
from tica_fn.frame import ELECTRON, Frame
from tica_fn.models import SourceFile
from tica_fn.steps.table import STANDARD_ORDER

__all__ = ["frame_from_tica"]


def frame_from_tica(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame from a calibrated product."""
    header = hdus[0].header
    steps = steps_of(header)
    pedestals = [number(path, header, f"PEDEST_{letter}") for letter in AMPLIFIERS]
    trimmed = (int(header["NAXIS2"]), int(header["NAXIS1"])) == TRIMMED_SHAPE
    shape = TRIMMED_SHAPE if trimmed else SHAPE
    error = plane_of(path, hdus, "UNCERTAINTY", shape)
    return Frame(
        pixels=image_of(path, hdus[0], shape),
        column=SCIENCE_COLUMNS[0] if trimmed else 0,
        unit=ELECTRON,
        steps=STANDARD_ORDER if steps is None else steps,
        pedestals=None
        if all(p is None for p in pedestals)
        else [float("nan") if p is None else p for p in pedestals],
        header=OriginalHeader(hdus[0].text),
        variance=None if error is None else error * error,
        quality=plane_of(path, hdus, "PIXEL_QUALITY", shape),
        source=source,
        provenance=provenance_of(path, header),
        **shared_of(path, hdus, SCIENCE_COLUMNS[0] if trimmed else 0, shape[1]),
        **facts_of(path, header),
    )
