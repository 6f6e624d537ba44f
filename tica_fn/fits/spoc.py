"""Raw full-frame images as the mission archives them: ``tess*_ffir.fits[.gz]``, image in HDU 1."""

from __future__ import annotations

import os
from collections import ChainMap
from typing import Any

import numpy as np

from tica_fn import kernels
from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.keywords import facts_of
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import SourceFile

__all__ = ["frame_from_spoc", "image_of", "spoc_facts"]

_NATIVE = {32: np.dtype(np.int32), -32: np.dtype(np.float32)}


def image_of(
    path: str | os.PathLike[str], hdu: RawHDU, shape: tuple[int, int], *, doubles: bool = False
) -> Array:
    """Pixels of an image HDU in native byte order.

    Gives (rows, columns) int32, float32, or float64 where the header scales integers, or of 64-bit
    reals.
    """
    header = hdu.header
    found = tuple(int(header[f"NAXIS{n}"]) for n in range(int(header["NAXIS"]), 0, -1))
    if found != shape:
        size = " x ".join(map(str, found)) or "no"
        raise BadFileError(
            f"{path}: the image has {size} pixels (rows x columns), not {shape[0]} x {shape[1]}"
        )
    bitpix = int(header["BITPIX"])
    if doubles and bitpix == -64:
        stored = np.frombuffer(hdu.data, dtype=">f8", count=shape[0] * shape[1])
        return freeze(stored.reshape(shape).astype(np.float64))
    if bitpix not in _NATIVE:
        raise BadFileError(f"{path}: BITPIX is {bitpix}; images of 32-bit numbers are read")
    out = np.empty(shape, dtype=_NATIVE[bitpix])
    words = np.frombuffer(hdu.data, dtype=np.uint32, count=out.size)
    kernels.from_big_endian(words, out.view(np.uint32).reshape(-1))
    zero, scale = float(header.get("BZERO", 0)), float(header.get("BSCALE", 1))
    if (zero, scale) != (0.0, 1.0):
        scaled = out * scale + zero
        small = bitpix > 0 and scale == 1 and scaled.max() < 2**31
        return freeze(scaled.astype(np.int32) if small else scaled)
    return freeze(out)


def frame_from_spoc(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame of a raw full-frame image."""
    facts = spoc_facts(path, hdus)
    return Frame(pixels=image_of(path, hdus[1], SHAPE), unit=ADU, source=source, **facts)


def spoc_facts(path: str | os.PathLike[str], hdus: list[RawHDU]) -> dict[str, Any]:
    """What the headers of a raw full-frame image say of its frame."""
    merged: Any = ChainMap(hdus[1].header, hdus[0].header)
    return {**facts_of(path, merged), "header": OriginalHeader(hdus[0].text, hdus[1].text)}
