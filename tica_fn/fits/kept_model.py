"""Further models in a folder beside bias and flat, one file per CCD."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.blocks import read_blocks
from tica_fn.immutable import Array
from tica_fn.models import ModelFile

__all__ = ["read_kept_model"]


def read_kept_model(
    folder: Path, stem: str, model: str, shape: tuple[int, int], camera: int, ccd: int
) -> tuple[Array, ModelFile] | None:
    """Primary image of ``*<stem>-<camera>-<ccd>.fits`` and its file; None if there is no file."""
    pattern = f"*{stem}-{camera}-{ccd}.fits"
    found = sorted({p for packed in ("", ".gz") for p in folder.glob(pattern + packed)})
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ModelError(f"{folder}: several models of one kind for that CCD; keep one of {names}")
    from astropy.io import fits

    path = found[0]
    data = path.read_bytes()
    read_blocks(path)
    try:
        with fits.open(io.BytesIO(data)) as opened:
            header, image = opened[0].header, opened[0].data
    except (OSError, TypeError, ValueError) as error:
        raise BadFileError(f"{path}: not a readable FITS file ({error})") from None
    there = None if image is None else image.shape
    if there != shape:
        raise BadFileError(f"{path}: {there} numbers in the primary HDU, expected {shape}")
    for keyword, wanted in (("CAMERA", camera), ("CCD", ccd), ("MODEL", model)):
        if header.get(keyword) != wanted:
            raise ModelError(f"{path}: its {keyword} is {header.get(keyword)}, expected {wanted}")
    return image, ModelFile(name=path.name, sha256=hashlib.sha256(data).hexdigest())
