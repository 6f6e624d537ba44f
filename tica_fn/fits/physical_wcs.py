"""The physical WCS: the place of an image's first pixel in the readout.

``CRVAL1P`` and ``CRVAL2P`` are the column and row of a pixel in the full readout, 1-based, and
``CRPIX1P`` and ``CRPIX2P`` that pixel in the image: here always the first (1 and 1 for a full
readout, 45 and 1 for its science pixels).  Programs that cut images move one or the other, or
neither (astropy's ``Cutout2D``).  A celestial WCS counts pixels of the
image, so its reference pixel moves if columns or rows are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.header import original_of
from tica_fn.fits.quadrants import TRIMMED_SHAPE

__all__ = ["IMAGE_SHAPES", "moved_cards", "origin_of", "physical_cards", "unplaced"]

IMAGE_SHAPES = SHAPE, TRIMMED_SHAPE
"""Rows and columns of a full readout, and of its science pixels."""
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
    across, up = header.get("CRPIX1P", 1), header.get("CRPIX2P", 1)
    if all(isinstance(one, int | float) for one in (column, row, across, up)):
        return int(row - up), int(column - across)
    science = re.fullmatch(
        r"\[(\d+):\d+,(\d+):\d+\]", str(header.get("SCIPIXS", "")).replace(" ", "")
    )
    if science:
        return 1 - int(science[2]), 45 - int(science[1])
    return (SCIENCE_ROWS[0], SCIENCE_COLUMNS[0]) if _shape(header) == TRIMMED_SHAPE else (0, 0)


def unplaced(header: Mapping[str, Any]) -> str:
    """Say if an image is a part of the readout, and its header does not tell which."""
    rows, columns = _shape(header)
    if rows is None or columns is None or (rows, columns) in IMAGE_SHAPES:
        return ""
    if "CRVAL1P" in header and origin_of(header) != (0, 0):
        return ""
    return f"its header does not tell which part of the readout the {rows} x {columns} pixels are"


def _shape(header: Mapping[str, Any]) -> tuple[Any, Any]:
    """Rows and columns of the image, if the header has them; those of a packed one."""
    rows, columns = (header.get(f"ZNAXIS{k}", header.get(f"NAXIS{k}")) for k in (2, 1))
    return rows, columns


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
