"""Sizes in a header, accepted only if the standard allows them and they are plausible.

Every number of a header is checked here before anything is allocated or looped over by it.

Source: FITS standard 4.0, sections 4.4.1, 7.3 and 10.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tica_fn.errors import BadFileError

__all__ = ["LARGEST_IMAGE", "check_structure", "data_size", "is_packed", "size_of", "whole"]

_BITPIX = (8, 16, 32, 64, -32, -64)
_MOST = 999
"""Largest number of axes, or of a table's columns, that the standard allows."""
LARGEST_IMAGE = 1 << 26
"""Largest number of pixels of an image; a camera's four CCDs have 17.8 million."""
_LARGEST = 1 << 62


def whole(
    where: str, header: Mapping[str, Any], keyword: str, low: int, high: int = _LARGEST
) -> int:
    """A required whole number of the header, within bounds."""
    value = header.get(keyword)
    if value is None or type(value).__name__ == "Undefined":
        raise BadFileError(f"{where}: no {keyword} in the header")
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadFileError(f"{where}: {keyword} is {value!r}, not a whole number")
    if not low <= value <= high:
        bounds = f"at least {low}" if high == _LARGEST else f"{low} to {high}"
        raise BadFileError(f"{where}: {keyword} is {value}, which is impossible ({bounds})")
    return value


def _optional(where: str, header: Mapping[str, Any], keyword: str, default: int, low: int) -> int:
    return whole(where, header, keyword, low) if keyword in header else default


def size_of(where: str, header: Mapping[str, Any], prefix: str = "") -> tuple[int, ...]:
    """Axes of an image or table, the slowest first; the prefix of compressed images is ``Z``."""
    count = whole(where, header, f"{prefix}NAXIS", 0, _MOST)
    return tuple(whole(where, header, f"{prefix}NAXIS{n}", 0) for n in range(count, 0, -1))


def data_size(where: str, header: Mapping[str, Any]) -> int:
    """Bytes of the data after a header, without padding."""
    if header.get("BITPIX") not in _BITPIX or isinstance(header.get("BITPIX"), bool):
        raise BadFileError(f"{where}: BITPIX is {header.get('BITPIX')!r}, which is impossible")
    axes = size_of(where, header)
    if axes and axes[-1] == 0 and header.get("GROUPS") is True:
        raise BadFileError(f"{where}: random groups, which are not supported")
    heap = _optional(where, header, "PCOUNT", 0, 0)
    groups = _optional(where, header, "GCOUNT", 1, 1)
    pixels = math.prod(axes) if axes else 0
    return abs(int(header["BITPIX"])) // 8 * groups * (heap + pixels)


def is_packed(header: Mapping[str, Any]) -> bool:
    """Tell whether a header is of a tile-compressed image."""
    return bool(header.get("ZIMAGE")) and str(header.get("XTENSION", "")).strip() == "BINTABLE"


def check_structure(where: str, header: Mapping[str, Any]) -> None:
    """Refuse tables and compressed images whose keywords violate the standard or contradict."""
    axes = size_of(where, header)
    if str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE":
        _check_pixels(where, axes)
    if str(header.get("XTENSION", "")).strip() != "BINTABLE":
        return
    if len(axes) != 2 or header["BITPIX"] != 8:
        raise BadFileError(f"{where}: a table must have BITPIX 8 and NAXIS 2")
    whole(where, header, "GCOUNT", 1, 1)
    heap = whole(where, header, "PCOUNT", 0)
    whole(where, header, "TFIELDS", 0, _MOST)
    rows, width = axes
    if "THEAP" in header:
        whole(where, header, "THEAP", rows * width, rows * width + heap)
    if is_packed(header):
        _check_packed(where, header, rows)


def _check_pixels(where: str, axes: tuple[int, ...]) -> None:
    if math.prod(axes) > LARGEST_IMAGE:
        shown = " x ".join(map(str, axes))
        raise BadFileError(f"{where}: an image of {shown} pixels is too large for TESS")


def _check_packed(where: str, header: Mapping[str, Any], rows: int) -> None:
    if header.get("ZBITPIX") not in _BITPIX:
        raise BadFileError(f"{where}: ZBITPIX is {header.get('ZBITPIX')!r}, which is impossible")
    axes = size_of(where, header, "Z")
    _check_pixels(where, axes)
    tiles = 1
    for n, size in enumerate(reversed(axes), 1):
        default = size if n == 1 else 1
        tile = whole(where, header, f"ZTILE{n}", 1) if f"ZTILE{n}" in header else default
        tiles *= -(-size // max(tile, 1))
    if tiles != rows:
        raise BadFileError(f"{where}: {rows} rows for {tiles} tiles of the compressed image")
