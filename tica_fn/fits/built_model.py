"""Model files: the image in the primary HDU, as in TICA's; then uncertainty and frame count."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io import fits

from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.gate import open_checked
from tica_fn.fits.provenance import software
from tica_fn.immutable import Array, freeze
from tica_fn.models.built import BuiltModel

__all__ = ["read_bias_image", "write_model"]

_UNITS = {"bias": "adu", "flat": ""}


def write_model(
    model: BuiltModel, path: str | os.PathLike[str], sources: Sequence[str] = ()
) -> None:
    """Write a model for `tica_fn.load_models`; complete or not at all."""
    primary = fits.PrimaryHDU(model.image)
    header = primary.header
    unit = _UNITS[model.kind]
    cards = (
        ("BUNIT", unit, "unit of the image"),
        ("MODEL", model.kind, "kind of model"),
        ("CAMERA", model.camera, "camera number"),
        ("CCD", model.ccd, "CCD number"),
        ("MODEXP", model.exposure_s, "[s] exposure time it was made for"),
        ("NREADOUT", model.coadds, "coadded exposures of each frame"),
        ("NFRAMES", model.frames, "frames it was made from"),
        ("CLIPSIG", model.limit, "values were clipped at so many sigma"),
        ("NCLIPPED", model.clipped, "values that were clipped"),
        ("LEVELMIN", float(model.levels.min()), "lowest level of a frame"),
        ("LEVELMAX", float(model.levels.max()), "highest level of a frame"),
        ("CREATOR", software(), "software that made this file"),
    )
    for keyword, value, comment in cards:
        header[keyword] = (value, comment)
    for source in sources:
        header.add_history(f"from {source}")
    uncertainty = fits.ImageHDU(model.uncertainty, name="UNCERTAINTY")
    uncertainty.header["BUNIT"] = (unit, "unit of the image")
    count = fits.ImageHDU(model.count, name="COUNT")
    buffer = io.BytesIO()
    fits.HDUList([primary, uncertainty, count]).writeto(buffer, checksum=True)
    write_whole(path, [buffer.getbuffer()])


def read_bias_image(path: Path, camera: int, ccd: int) -> Array:
    """Read a bias model from a single file.

    Returns (2078, 2136) float32, ADU per exposure, read-only.
    """
    try:
        with open_checked(path) as opened:
            header, image = opened[0].header, opened[0].data
    except FileNotFoundError:
        raise
    except (OSError, TypeError, ValueError) as error:
        raise BadFileError(f"{path}: not a readable FITS file ({error})") from None
    if image is None or image.shape != SHAPE:
        found = "no image" if image is None else f"an image of {image.shape}"
        raise BadFileError(f"{path}: {found} in the primary HDU, expected {SHAPE}")
    for keyword, wanted in (("CAMERA", camera), ("CCD", ccd), ("MODEL", "bias")):
        if header.get(keyword, wanted) != wanted:
            raise ModelError(f"{path}: its {keyword} is {header[keyword]}, expected {wanted}")
    return freeze(np.array(image, dtype=np.float32))
