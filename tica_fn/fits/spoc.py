"""Raw full-frame images from the mission's archive: ``tess*_ffir.fits[.gz]``, image in HDU 1."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tica_fn import kernels
from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError, tell_note
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.header import OriginalHeader, merged
from tica_fn.fits.keywords import facts_of
from tica_fn.fits.sizes import size_of
from tica_fn.fits.stored import image_meaning
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import SourceFile
from tica_fn.quality.bits import Pixel

__all__ = ["frame_from_spoc", "image_of", "raw_frame", "spoc_facts"]


def image_of(path: str | os.PathLike[str], hdu: RawHDU, shape: tuple[int, int]) -> Array:
    """Converted pixels of an image HDU, in native byte order.

    Returns (rows, columns) int32 or float32; float64 if integers are scaled, some are undefined, or
    numbers have 64 bits.
    """
    where = str(path)
    found = size_of(where, hdu.header)
    if found != shape:
        size = " x ".join(map(str, found)) or "no"
        raise BadFileError(
            f"{path}: the image has {size} pixels (rows x columns), not {shape[0]} x {shape[1]}"
        )
    meaning = image_meaning(where, hdu.header)
    stored = hdu.stored()
    if meaning.plain and hdu.kind.itemsize == 4:
        out = np.empty(shape, dtype=hdu.kind.newbyteorder("="))
        words = np.ascontiguousarray(stored).reshape(-1).view(np.uint32)
        kernels.from_big_endian(words, out.view(np.uint32).reshape(-1))
        return freeze(out)
    return freeze(np.array(meaning.of(stored), order="C"))


def frame_from_spoc(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame from a raw full-frame image."""
    facts = spoc_facts(path, hdus)
    return raw_frame(path, hdus[1], image_of(path, hdus[1], SHAPE), source=source, **facts)


def raw_frame(path: str | os.PathLike[str], hdu: RawHDU, pixels: Array, **facts: Any) -> Frame:
    """Make a frame of raw counts; undefined ones become NaN and are flagged."""
    if hdu.lossy:
        tell_note(f"{path}: the raw counts were compressed with loss ({hdu.lossy})")
    undefined = ~np.isfinite(pixels) if pixels.dtype.kind == "f" else np.zeros(0, bool)
    if not undefined.any():
        return Frame(pixels=pixels, unit=ADU, **facts)
    if undefined.all():
        raise BadFileError(f"{path}: all of its raw counts are undefined")
    tell_note(f"{path}: {int(undefined.sum())} raw counts are undefined; they become NaN")
    flags = np.where(undefined, Pixel.NO_DATA.value, 0)
    return Frame(pixels=np.where(undefined, np.nan, pixels), unit=ADU, quality=flags, **facts)


def spoc_facts(path: str | os.PathLike[str], hdus: list[RawHDU]) -> dict[str, Any]:
    """Arguments of `Frame` from the headers of a raw full-frame image, without the pixels."""
    header = merged(hdus[1].header, hdus[0].header)
    return {**facts_of(path, header), "header": OriginalHeader(hdus[0].text, hdus[1].text)}
