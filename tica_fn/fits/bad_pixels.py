"""Files with maps of bad pixels: ``*bad-pixels-<camera>-<ccd>.fits`` in a folder of models.

Primary HDU: (2078, 2136) int32, the bits of `tica_fn.quality.pixels.Pixel`, named by ``QBITn``.
Only HOT and DEAD are used; you may set others by hand.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.extensions import bit_cards
from tica_fn.fits.kept_model import read_kept_model
from tica_fn.fits.provenance import software
from tica_fn.immutable import Array
from tica_fn.models import ModelFile
from tica_fn.quality.bits import BadPixels

__all__ = ["read_bad_pixels", "write_bad_pixels"]

_MODEL = "bad pixels"


def write_bad_pixels(
    made: BadPixels, path: str | os.PathLike[str], sources: Sequence[str] = ()
) -> None:
    """Write a map for `tica_fn.load_models`; complete or not at all."""
    from astropy.io import fits

    primary = fits.PrimaryHDU(made.bits)
    header = primary.header
    for keyword, value, comment in (
        ("MODEL", _MODEL, "hot and dead pixels"),
        ("CAMERA", made.camera, "camera number"),
        ("CCD", made.ccd, "CCD number"),
        ("MODEXP", made.exposure_s, "[s] exposure time of the frames"),
        ("NFRAMES", made.frames, "frames it was made from"),
        ("NHOT", made.hot, "hot pixels"),
        ("NDEAD", made.dead, "dead pixels"),
        ("CREATOR", software(), "software that made this file"),
    ):
        header[keyword] = (value, comment)
    for _, text in bit_cards():
        header.append(fits.Card.fromstring(text))
    for source in sources:
        header.add_history(f"from {source}")
    buffer = io.BytesIO()
    fits.HDUList([primary]).writeto(buffer, checksum=True)
    write_whole(path, [buffer.getbuffer()])


def read_bad_pixels(folder: Path, camera: int, ccd: int) -> tuple[Array, ModelFile] | None:
    """Map of a CCD in a folder of models, and its file; None if there is none."""
    found = read_kept_model(folder, "bad-pixels", _MODEL, SHAPE, camera, ccd)
    if found is None:
        return None
    bits, file = found
    if bits.dtype.kind not in "iu":
        raise BadFileError(
            f"{folder / file.name}: its image has {bits.dtype} pixels; integers are needed"
        )
    return np.asarray(bits, dtype=np.int32), file
