"""Tile-compressed images, which are decompressed when their pixels are needed.

Source: FITS standard 4.0, section 10.
"""

from __future__ import annotations

import io
import os
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tica_fn.errors import BadFileError, tell_note
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.cards import split_cards
from tica_fn.fits.header import Header
from tica_fn.fits.sizes import is_packed, size_of
from tica_fn.immutable import Array

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["TiledHDU", "as_image", "untiled"]

_OF_TABLES = ("TFIELDS", "THEAP", "ZIMAGE", "ZTENSION", "ZBITPIX", "ZNAXIS", "ZPCOUNT", "ZGCOUNT",
              "ZSIMPLE", "ZEXTEND", "ZBLOCKED", "ZHECKSUM", "ZDATASUM", "ZCMPTYPE", "ZQUANTIZ",
              "ZDITHER0", "ZBLANK", "ZMASKCMP", "CHECKSUM", "DATASUM")  # fmt: skip
_NUMBERED = ("TTYPE", "TFORM", "TUNIT", "TDIM", "ZTILE", "ZNAME", "ZVAL", "ZNAXIS")


class TiledHDU(RawHDU):
    """A compressed image that behaves like a plain one; pixels are decompressed at first use."""

    def __init__(self, where: str, packed: RawHDU) -> None:
        header = _image_header(where, packed.header)
        text = header.tostring()
        super().__init__(text=text, header=Header(split_cards(text)), data=packed.data)
        self.where = where
        self.packed = packed

    @property
    def data(self) -> memoryview:
        """Bytes of the decompressed image."""
        return memoryview(self._unpacked.tobytes())

    def stored(self) -> Array:
        """The stored values, decompressed, big-endian."""
        return self._unpacked

    @cached_property
    def _unpacked(self) -> Array:
        from astropy.io import fits

        primary, header = fits.PrimaryHDU().header, self.packed.header.astropy.copy()
        # Scaling is done later; astropy must only decompress.
        for keyword in ("BLANK", "BSCALE", "BZERO", *["ZBLANK"] * (header["ZBITPIX"] > 0)):
            header.remove(keyword, ignore_missing=True)
        heads = [one.tostring().encode("ascii") for one in (primary, header)]
        parts = [*heads, bytes(self.packed.data)]
        try:
            with fits.open(
                io.BytesIO(b"".join(parts)), memmap=False, do_not_scale_image_data=True
            ) as opened:
                pixels = np.asarray(opened[1].data)
        except Exception as error:  # Each compression raises its own errors.
            text = " ".join(str(error).split()) or type(error).__name__
            raise BadFileError(
                f"{self.where}: the tile-compressed image can't be read ({text})"
            ) from error
        if pixels.shape != size_of(self.where, self.header):
            raise BadFileError(f"{self.where}: the tile-compressed image can't be read (its size)")
        return pixels.astype(self.kind, copy=False)

    @property
    def lossy(self) -> str:
        """How the compression changed pixels; empty if lossless."""
        header = self.packed.header
        method = str(header.get("ZCMPTYPE", "")).strip()
        if int(self.header["BITPIX"]) < 0:
            # Not by ZQUANTIZ: astropy 7.0 writes NO_DITHER where nothing was rounded.
            columns = [str(header.get(f"TTYPE{n}")) for n in range(1, header["TFIELDS"] + 1)]
            rounded = "ZSCALE" in columns or "ZSCALE" in header
            return f"{method}, rounded to steps" if rounded else ""
        values = {header[f"ZNAME{n}"]: header.get(f"ZVAL{n}") for n in range(1, 10)
                  if f"ZNAME{n}" in header}  # fmt: skip
        scale = values.get("SCALE") or 0
        return f"{method} of scale {scale:g}" if method == "HCOMPRESS_1" and scale > 1 else ""


def _image_header(where: str, packed: Header) -> fits.Header:
    """Header of the image in a compressed table."""
    from astropy.io import fits

    axes = size_of(where, packed, "Z")
    header = fits.Header()
    for one in packed.astropy.copy().cards:
        numbered = one.keyword.rstrip("0123456789")
        if one.keyword in _OF_TABLES or (numbered != one.keyword and numbered in _NUMBERED):
            continue
        header.append(one, end=True)
    blank = packed.get("ZBLANK")
    if int(packed["ZBITPIX"]) > 0 and blank is not None and "BLANK" not in packed:
        header["BLANK"] = blank
    if "ZSIMPLE" in packed:
        header["XTENSION"] = "IMAGE"
    header["XTENSION"] = ("IMAGE", "image extension")
    header["BITPIX"], header["NAXIS"] = packed["ZBITPIX"], len(axes)
    for keyword in ("NAXIS1", "NAXIS2"):
        header.remove(keyword, ignore_missing=True)
    for n, size in enumerate(reversed(axes), 1):
        header.insert(2 + n, (f"NAXIS{n}", size))
    header["PCOUNT"], header["GCOUNT"] = 0, 1
    return header


def as_image(path: str | os.PathLike[str], number: int, hdu: RawHDU) -> RawHDU:
    """An HDU; a compressed image is wrapped to behave like a plain one."""
    if not is_packed(hdu.header):
        return hdu
    return TiledHDU(f"{path}: HDU {number}", hdu)


def untiled(path: str | os.PathLike[str], hdus: list[RawHDU]) -> list[RawHDU]:
    """HDUs of a file with compressed images as plain ones, and without empty extensions."""
    hdus = _without_empty(path, hdus)
    if not any(is_packed(hdu.header) for hdu in hdus):
        return hdus
    plain = [as_image(path, number, hdu) for number, hdu in enumerate(hdus)]
    if len(plain) > 1 and int(hdus[0].header.get("NAXIS", 0)) == 0:
        image = plain[1].header
        # A product of ours, or an image that was the primary HDU before compression.
        was_primary = "ZSIMPLE" in hdus[1].header or "SIMPLE" in hdus[1].header
        if str(image.get("UNITS", "")).strip() == "electrons" or was_primary:
            return plain[1:]
    return plain


def _without_empty(path: str | os.PathLike[str], hdus: list[RawHDU]) -> list[RawHDU]:
    """Leave out empty extensions between an empty primary HDU and the first image."""
    if int(hdus[0].header["NAXIS"]):
        return hdus
    first = next((n for n, hdu in enumerate(hdus) if int(hdu.header["NAXIS"])), 1)
    if first > 1:
        empty = "HDU 1 is" if first == 2 else f"HDUs 1 to {first - 1} are"
        tell_note(f"{path}: {empty} empty; using the image in HDU {first}")
    return [hdus[0], *hdus[first:]] if first > 1 else hdus
