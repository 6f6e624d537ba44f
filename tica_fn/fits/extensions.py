"""Optional HDUs behind a product's image: the pixels' standard deviation, and their flags."""

from __future__ import annotations

import io
import os

import numpy as np
from astropy.io import fits

from tica_fn import kernels
from tica_fn.errors import FrameError
from tica_fn.fits.blocks import BLOCK
from tica_fn.fits.header import Cards, card
from tica_fn.fits.physical_wcs import physical_cards
from tica_fn.fits.tica import finished_header
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array

__all__ = ["QUALITY_NAME", "UNCERTAINTY_NAME", "float_image_hdu", "quality_hdu", "uncertainty_hdu"]

UNCERTAINTY_NAME = "UNCERTAINTY"
QUALITY_NAME = "PIXEL_QUALITY"

_TILE_ROWS = 64
"""Flags of neighbouring rows are much alike: together they pack well."""

_SUM_DIGITS = 10
"""Digits of DATASUM, so that headers of all frames have strings of one length."""


def float_image_hdu(cards: Cards, pixels: Array) -> bytes:
    """Image extension of 32-bit reals.

    Parameters
    ----------
    cards : list of tuple
        Keyword and text of the cards behind those of the structure.
    pixels : ndarray
        (rows, columns), written as float32.

    Returns
    -------
    bytes
        Header, with its sums, and data.
    """
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    rows, columns = pixels.shape
    data = np.zeros(pixels.nbytes + -pixels.nbytes % BLOCK, dtype=np.uint8)
    words = data[: pixels.nbytes].view(np.uint32)
    datasum = int(kernels.to_big_endian(pixels.view(np.uint32).reshape(-1), words))
    structure = [
        card("XTENSION", "IMAGE", "image extension"),
        card("BITPIX", -32, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", columns, "columns"),
        card("NAXIS2", rows, "rows"),
        card("PCOUNT", 0, "number of group parameters"),
        card("GCOUNT", 1, "number of groups"),
    ]
    return finished_header([*structure, *cards], datasum, _SUM_DIGITS) + data.tobytes()


def uncertainty_hdu(frame: Frame, path: str | os.PathLike[str]) -> bytes:
    """Standard deviation of each pixel, in the unit of the image.

    Parameters
    ----------
    frame : Frame
        Frame with its variance.
    path : path-like
        File that it is for, for messages.

    Returns
    -------
    bytes
        The extension ``UNCERTAINTY``.

    Raises
    ------
    FrameError
        If the frame has no variance.
    """
    if frame.variance is None:
        raise FrameError(
            f"{path}: the frame has no variance; apply tica_fn.estimate_variance(models)"
        )
    unit = "electron/s" if frame.unit == RATE else "electron"
    cards = [
        card("EXTNAME", UNCERTAINTY_NAME, "standard deviation of the image"),
        card("BUNIT", unit, "unit of the standard deviation"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        *physical_cards(frame.row, frame.column),
    ]
    return float_image_hdu(cards, np.sqrt(frame.variance))


def quality_hdu(frame: Frame, path: str | os.PathLike[str]) -> bytes:
    """Flags of each pixel as a tile-compressed image, with what the bits mean.

    Parameters
    ----------
    frame : Frame
        Frame with its quality.
    path : path-like
        File that it is for, for messages.

    Returns
    -------
    bytes
        The extension ``PIXEL_QUALITY``.

    Raises
    ------
    FrameError
        If the frame has no quality.
    """
    if frame.quality is None:
        raise FrameError(f"{path}: the frame has no flags; apply tica_fn.flag_pixels")
    from tica_fn.quality import Pixel

    cards = [
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
        *(
            card(
                f"QBIT{flag.bit_length() - 1}", str(flag.name), f"meaning of bit value {int(flag)}"
            )
            for flag in Pixel
        ),
        *physical_cards(frame.row, frame.column),
    ]
    header = fits.Header.fromstring("".join(text for _, text in cards))
    image = fits.CompImageHDU(
        np.array(frame.quality),
        header,
        name=QUALITY_NAME,
        compression_type="GZIP_2",
        tile_shape=(_TILE_ROWS, frame.quality.shape[1]),
    )
    buffer = io.BytesIO()
    # Only the extension is kept; the primary HDU is what astropy wants before it.
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(buffer, checksum=True)
    content = buffer.getvalue()
    with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
        return content[hdus[1].fileinfo()["hdrLoc"] :]
