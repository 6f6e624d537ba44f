"""The physical WCS: the place of an image's first pixel in the readout.

``CRVAL1P`` and ``CRVAL2P`` are the column and row of the first pixel in the full readout, 1-based
(1 and 1 for a full readout, 45 and 1 for its science pixels).  A celestial WCS counts pixels of the
image, so its reference pixel moves if columns or rows are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.header import original_of

__all__ = ["moved_cards", "origin_of", "physical_cards"]

_REFERENCE = {"CRPIX1": 1, "CRPIX2": 0, "BTC_PIX1": 1, "BTC_PIX2": 0}


def physical_cards(row: int, column: int) -> Cards:
    """Cards of the physical WCS."""
    cards = [
        card("WCSNAMEP", "PHYSICAL", "name of world coordinate system alternate P"),
        card("WCSAXESP", 2, "number of WCS physical axes"),
    ]
    for axis, name, what, first in ((1, "RAWX", "column", column), (2, "RAWY", "row", row)):
        cards += [
            card(f"CTYPE{axis}P", name, f"physical WCS axis {axis} type: CCD {what}"),
            card(f"CUNIT{axis}P", "PIXEL", f"physical WCS axis {axis} unit"),
            card(f"CRPIX{axis}P", 1, f"reference {what} of the image"),
            card(f"CRVAL{axis}P", first + 1, f"CCD {what} of the reference {what}"),
            card(f"CDELT{axis}P", 1.0, f"physical WCS axis {axis} step"),
        ]
    return cards


def origin_of(header: Mapping[str, Any]) -> tuple[int, int]:
    """Row and column of the image's first pixel in the full readout, 0-based.

    An image of 2048 x 2048 pixels whose header does not say is the science pixels.
    """
    column, row = header.get("CRVAL1P"), header.get("CRVAL2P")
    if isinstance(column, int | float) and isinstance(row, int | float):
        return int(row) - 1, int(column) - 1
    science = re.fullmatch(
        r"\[(\d+):\d+,(\d+):\d+\]", str(header.get("SCIPIXS", "")).replace(" ", "")
    )
    if science:
        return 1 - int(science[2]), 45 - int(science[1])
    shape = header.get("NAXIS2"), header.get("NAXIS1")
    trimmed = shape == tuple(end - start for start, end in (SCIENCE_ROWS, SCIENCE_COLUMNS))
    return (SCIENCE_ROWS[0], SCIENCE_COLUMNS[0]) if trimmed else (0, 0)


def moved_cards(header: Mapping[str, Any], origin: tuple[int, int]) -> dict[str, tuple[str, str]]:
    """Cards of the reference pixels of a file's header, relative to another first pixel."""
    header = original_of(header)
    row, column = origin_of(header)
    shift = (row - origin[0], column - origin[1])
    if shift == (0, 0):
        return {}
    moved = {}
    for keyword, axis in _REFERENCE.items():
        value = header.get(keyword)
        if isinstance(value, int | float):
            text = "reference pixel of the image"
            moved[keyword] = card(keyword, float(value + shift[axis]), text)
    return moved
