"""Products in SPOC's layout, like the mission's ``*_ffic.fits``.

An empty primary HDU, the image and its standard deviation as float32 in electrons per second
(``CAMERA.CCD c.d cal`` and ``CAMERA.CCD c.d uncert``), then flags of the pixels, if requested, and
a table with the raw file's header, card by card.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import attrs
import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import FrameError
from tica_fn.fits.cards import CARD, Cards, card
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.extensions import quality_hdu
from tica_fn.fits.hdu_bytes import Bytes, extension_hdu, finished_header, table_parts
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.proof import write_product
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.shared_variance import shared_hdu
from tica_fn.fits.spoc_cards import image_cards, primary_cards, spoc_uncertainty_cards
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array

__all__ = ["raw_header_hdu", "write_spoc"]


MakeImage = Callable[[Cards, Array], bytes]


def write_spoc(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    quality: bool = False,
    makers: tuple[MakeImage, MakeImage] = (extension_hdu, extension_hdu),
    tables: Sequence[bytes] = (),
) -> None:
    """Write a calibrated frame in SPOC's layout."""
    frame = _per_second(frame, path)
    assert frame.variance is not None
    parts: list[Bytes] = []
    make_image, make_error = makers
    parts.append(make_image(image_cards(frame), frame.pixels))
    parts.append(make_error(spoc_uncertainty_cards(frame), np.sqrt(frame.variance)))
    count = 2
    if quality:
        parts.append(quality_hdu(frame, path))
        count += 1
    if isinstance(frame.header, OriginalHeader):
        parts += raw_header_hdu(frame.header)
        count += 1
    if shared := shared_hdu(frame):
        parts += shared
        count += 1
    parts += tables
    count += len(tables)
    primary = finished_header(primary_cards(frame, count), 0)
    write_product(path, [primary, *parts])


def _per_second(frame: Frame, path: str | os.PathLike[str]) -> Frame:
    if frame.pixels.shape not in (SHAPE, TRIMMED_SHAPE) or frame.unit not in (ELECTRON, RATE):
        raise FrameError(
            f"{path}: SPOC's layout needs a calibrated full readout or its science pixels, not "
            f"{frame.pixels.shape} pixels in {frame.unit}"
        )
    if frame.variance is None:
        raise FrameError(
            f"{path}: SPOC's layout needs uncertainties, and the frame has none: apply "
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


def raw_header_hdu(header: OriginalHeader) -> list[Bytes]:
    """Table of the raw header's cards."""
    rows = [
        (number, text[start : start + CARD].encode("ascii", "replace"))
        for number, text in enumerate((header.primary, header.image))
        for start in range(0, len(text), CARD)
        if text[start : start + CARD].strip() not in ("", "END")
    ]
    cards, data = table_parts(
        {
            "HDU": np.array([number for number, _ in rows], np.int16),
            "CARD": np.array([text for _, text in rows], f"S{CARD}"),
        },
        comments={
            "HDU": "0 for the primary header, 1 for the image's",
            "CARD": "card of the header",
        },
    )
    cards.append(card("EXTNAME", "RAW_HEADER", "header of the raw file"))
    return [finished_header(cards, sum_bytes(data)), data]
