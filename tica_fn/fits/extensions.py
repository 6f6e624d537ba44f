"""Optional HDUs after a product's image: the pixels' standard deviation, and their flags."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from tica_fn.errors import FrameError
from tica_fn.fits.cards import Cards, card, split_cards
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.hdu_bytes import extension_hdu, finished_header
from tica_fn.fits.packed_tiles import gzipped_tiles_hdu
from tica_fn.fits.physical_wcs import physical_cards
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = [
    "QUALITY_NAME",
    "UNCERTAINTY_NAME",
    "bit_cards",
    "flags_hdu",
    "quality_hdu",
    "tiled_hdu",
    "uncertainty_cards",
    "uncertainty_hdu",
]

UNCERTAINTY_NAME = "UNCERTAINTY"
QUALITY_NAME = "PIXEL_QUALITY"

_TILE_ROWS = 64
"""Rows per tile: flags of neighbouring rows are similar and compress well together."""


def tiled_hdu(cards: Cards, pixels: Array, **options: Any) -> bytes:
    """Tile-compressed image extension.

    `pixels`: (rows, columns) image.
    """
    from astropy.io import fits

    header = fits.Header.fromstring("".join(text for _, text in cards))
    image = fits.CompImageHDU(np.array(pixels), header, **options)
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer)
    content = buffer.getvalue()  # astropy needs a primary HDU before it; that is cut off.
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        place, columns = hdus[1].fileinfo(), hdus[1].columns.dtype
        table = hdus[1].header
    text = content[place["hdrLoc"] : place["datLoc"]].decode("ascii")
    data = _without_times(content[place["datLoc"] :], table, columns)
    return finished_header(split_cards(text), sum_bytes(data)) + data


def _without_times(data: bytes, header: fits.Header, columns: np.dtype[Any]) -> bytes:
    """Remove the time that gzip puts into tiles, so the same frame gives the same bytes."""
    gzipped = {"GZIP_COMPRESSED_DATA"}
    if header["ZCMPTYPE"].startswith("GZIP"):
        gzipped.add("COMPRESSED_DATA")
    rows = np.frombuffer(data, columns.newbyteorder(">"), header["NAXIS2"])
    heap = header.get("THEAP", header["NAXIS1"] * header["NAXIS2"])
    out = bytearray(data)
    for name in gzipped.intersection(columns.names or ()):
        for length, offset in rows[name].tolist():
            if length:
                out[heap + offset + 4 : heap + offset + 8] = bytes(4)
    return bytes(out)


def uncertainty_cards(frame: Frame) -> Cards:
    """Cards of the extension with the standard deviation of each pixel."""
    unit = "electron/s" if frame.unit == RATE else "electron"
    return [
        card("EXTNAME", UNCERTAINTY_NAME, "standard deviation of the image"),
        card("BUNIT", unit, "unit of the standard deviation"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        *physical_cards(frame.row, frame.column),
    ]


def uncertainty_hdu(frame: Frame, path: str | os.PathLike[str]) -> bytes:
    """Standard deviation of each pixel, in the unit of the image."""
    if frame.variance is None:
        raise FrameError(
            f"{path}: the frame has no variance; apply tica_fn.estimate_variance(models)"
        )
    return extension_hdu(uncertainty_cards(frame), np.sqrt(frame.variance))


def bit_cards() -> Cards:
    """Cards that name the bits of the flags."""
    from tica_fn.quality.pixels import Pixel

    return [
        card(f"QBIT{flag.bit_length() - 1}", str(flag.name), f"meaning of bit value {int(flag)}")
        for flag in Pixel
    ]


def quality_hdu(frame: Frame, path: str | os.PathLike[str]) -> bytes:
    """Flags of each pixel as a tile-compressed image, with cards that name the bits."""
    if frame.quality is None:
        raise FrameError(f"{path}: the frame has no flags; apply tica_fn.flag_pixels")
    return flags_hdu(frame, frame.quality)


def flags_hdu(frame: Frame, quality: Array) -> bytes:
    """Flags as an extension of a frame's product.

    `quality`: (rows, columns) int32.
    """
    cards = [
        card("EXTNAME", QUALITY_NAME),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        *bit_cards(),
        *physical_cards(frame.row, frame.column),
    ]
    return gzipped_tiles_hdu(cards, quality, _TILE_ROWS)
