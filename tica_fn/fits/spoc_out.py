"""Products in SPOC's layout, as the mission's ``*_ffic.fits``.

An empty primary HDU, the image and its standard deviation as float32 in electrons per second
(``CAMERA.CCD c.d cal`` and ``CAMERA.CCD c.d uncert``); behind them flags of the pixels, if wanted,
and a table with the raw file's header, card by card.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import attrs
import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import BLOCK
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.extensions import float_image_hdu, quality_hdu
from tica_fn.fits.header import CARD, Cards, OriginalHeader, card
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.spoc_cards import image_cards, primary_cards, uncertainty_cards
from tica_fn.fits.tica import finished_header, packed
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array

__all__ = ["write_spoc"]


MakeImage = Callable[[Cards, Array], bytes]


def write_spoc(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    quality: bool = False,
    makers: tuple[MakeImage, MakeImage] = (float_image_hdu, float_image_hdu),
    tables: Sequence[bytes] = (),
) -> None:
    """Write a calibrated frame in SPOC's layout."""
    frame = _per_second(frame, path)
    assert frame.variance is not None
    parts: list[bytes | memoryview] = []
    make_image, make_error = makers
    parts.append(make_image(image_cards(frame), frame.pixels))
    parts.append(make_error(uncertainty_cards(frame), np.sqrt(frame.variance)))
    count = 2
    if quality:
        parts.append(quality_hdu(frame, path))
        count += 1
    if isinstance(frame.header, OriginalHeader):
        parts += _raw_header_hdu(frame.header)
        count += 1
    parts += tables
    count += len(tables)
    primary = finished_header(primary_cards(frame, count), 0)
    write_whole(path, packed(path, primary, *parts))


def _per_second(frame: Frame, path: str | os.PathLike[str]) -> Frame:
    if frame.pixels.shape not in (SHAPE, TRIMMED_SHAPE) or frame.unit not in (ELECTRON, RATE):
        raise FrameError(
            f"{path}: SPOC's layout holds a calibrated full readout or its science pixels, not "
            f"{frame.pixels.shape} pixels in {frame.unit}"
        )
    if frame.variance is None:
        raise FrameError(
            f"{path}: SPOC's layout holds uncertainties, and the frame has none: apply "
            "tica_fn.estimate_variance(models)"
        )
    if frame.unit == RATE:
        return frame
    return attrs.evolve(
        frame,
        pixels=frame.pixels / np.float64(frame.live_s),
        variance=frame.variance / np.float64(frame.live_s) ** 2,
        unit=RATE,
    )


def _raw_header_hdu(header: OriginalHeader) -> list[bytes | memoryview]:
    """Table of the raw header's cards."""
    rows = np.array(
        [
            (number, text[start : start + CARD].encode("ascii", "replace"))
            for number, text in enumerate((header.primary, header.image))
            for start in range(0, len(text), CARD)
            if text[start : start + CARD].strip() not in ("", "END")
        ],
        dtype=[("HDU", ">i2"), ("CARD", f"S{CARD}")],
    )
    data = rows.tobytes()
    data += bytes(-len(data) % BLOCK)
    cards: Cards = [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", rows.itemsize, "bytes a row"),
        card("NAXIS2", len(rows), "rows"),
        card("PCOUNT", 0, "number of group parameters"),
        card("GCOUNT", 1, "number of groups"),
        card("TFIELDS", 2, "number of columns"),
        card("TTYPE1", "HDU", "0 for the primary header, 1 for the image's"),
        card("TFORM1", "I"),
        card("TTYPE2", "CARD", "card of the header"),
        card("TFORM2", f"{CARD}A"),
        card("EXTNAME", "RAW_HEADER", "header of the raw file"),
    ]
    return [finished_header(cards, sum_bytes(data)), data]
