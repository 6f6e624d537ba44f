"""The celestial WCS of products in SPOC's layout: the same cards for every frame.

SIP coefficients go up to degree 9, the highest that occurs; those beyond ``A_ORDER`` are 0.  A
frame without a celestial WCS has a linear one instead, which counts columns and rows.  The keywords
that ``tica-fn wcs fit`` writes are always there, and -1 before a fit.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from tica_fn.errors import FrameError
from tica_fn.fits.cards import Cards, card
from tica_fn.frame import Frame

__all__ = ["HIGHEST_DEGREE", "fit_cards", "raw_value", "sky_cards"]

HIGHEST_DEGREE = 9
"""Degree up to which SIP coefficients are written."""

_LARGEST_INTEGER = 2**31

_NO_SKY = {
    "CTYPE1": "PIXEL COLUMN", "CTYPE2": "PIXEL CCDROW", "CUNIT1": "pix", "CUNIT2": "pix",
    "CRPIX1": 1.0, "CRPIX2": 1.0, "CD1_1": 1.0, "CD2_2": 1.0,
}  # fmt: skip


def raw_value(frame: Frame, keyword: str, default: Any) -> Any:
    """Value of the raw header, if it has the type of the default; else the default."""
    value = frame.header.get(keyword)
    if isinstance(default, bool):
        return value if isinstance(value, bool) else default
    if isinstance(default, str):
        return value if isinstance(value, str) else default
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    if not isinstance(default, int):
        return float(value)
    return int(value) if abs(value) < _LARGEST_INTEGER else default


_CELESTIAL = re.compile(r"(RA--|DEC-|[A-Z]LON|[A-Z]LAT|[A-Z]{2}LN|[A-Z]{2}LT)-.*")
_OTHERS = re.compile(r"PV[12]_\d+|CROTA[12]|LONPOLE|LATPOLE|RADE(SYS|CSYS)")
_AS_USUAL = {"LONPOLE": 180.0, "PV1_1": 0.0, "PV1_2": 90.0, "PV1_3": 180.0}


def has_sky(frame: Frame) -> bool:
    """Tell whether a frame has a celestial WCS; refuse one that this layout can't hold."""
    header = frame.header
    kinds = [str(header.get(f"CTYPE{axis}", "")).strip() for axis in (1, 2)]
    if not any(_CELESTIAL.fullmatch(kind) for kind in kinds):
        return False
    if [kind.removesuffix("-SIP") for kind in kinds] != ["RA---TAN", "DEC--TAN"]:
        raise FrameError(
            f"{frame.name}: SPOC's layout can hold a WCS of RA---TAN and DEC--TAN, with or "
            f"without SIP, not of {kinds[0]} and {kinds[1]}"
        )
    for keyword in header:
        if _OTHERS.fullmatch(keyword) and not _is_usual(keyword, header[keyword]):
            raise FrameError(
                f"{frame.name}: SPOC's layout has no place for {keyword} = {header[keyword]}, "
                "without which its WCS would be wrong"
            )
    return True


def _is_usual(keyword: str, value: Any) -> bool:
    """Tell whether a card has its default value."""
    if keyword.startswith("RADE"):
        return str(value).strip() in ("ICRS", "")
    if keyword in ("LATPOLE", "PV1_4"):  # The pole's latitude makes no difference here.
        return True
    usual = _AS_USUAL.get(keyword, 0.0)
    return isinstance(value, int | float) and math.isclose(value, usual, abs_tol=1e-12)


def sky_cards(frame: Frame, shift: tuple[int, int]) -> Cards:
    """Cards of the celestial WCS; without one, of columns and rows under the same keywords."""
    sky = has_sky(frame)
    origin = {"CRVAL1": frame.column + 1.0, "CRVAL2": frame.row + 1.0}
    plain: dict[str, Any] = {**_NO_SKY, **origin}

    def value(keyword: str, default: Any) -> Any:
        return raw_value(frame, keyword, default) if sky else plain.get(keyword, default)

    def linear(i: int, j: int) -> float:
        """Element of the matrix from PC and CDELT, if the raw header has no CD."""
        if not sky or any(f"CD{k}_{n}" in frame.header for k in (1, 2) for n in (1, 2)):
            return 0.0
        step = raw_value(frame, f"CDELT{i}", 1.0)
        return float(step * raw_value(frame, f"PC{i}_{j}", 1.0 if i == j else 0.0))

    moved = {"CRPIX1": shift[1] if sky else 0, "CRPIX2": shift[0] if sky else 0}
    cards = [
        card("RADESYS", "ICRS", "reference frame of celestial coordinates"),
        card("EQUINOX", 2000.0, "equinox of celestial coordinate system"),
        card("WCSAXES", 2, "number of WCS axes"),
    ]
    for axis, kind in ((1, "RA---TAN-SIP"), (2, "DEC--TAN-SIP")):
        cards += [
            card(f"CTYPE{axis}", kind if sky else plain[f"CTYPE{axis}"], f"WCS axis {axis} type"),
            card(f"CUNIT{axis}", value(f"CUNIT{axis}", "deg"), f"WCS axis {axis} unit"),
        ]
    for axis in (1, 2):
        keyword = f"CRPIX{axis}"
        cards.append(card(keyword, value(keyword, 0.0) + moved[keyword], "reference pixel"))
        cards.append(card(f"CRVAL{axis}", value(f"CRVAL{axis}", 0.0), "value at reference pixel"))
    cards += [
        card(
            f"CD{i}_{j}", value(f"CD{i}_{j}", linear(i, j)), "linear transformation matrix element"
        )
        for i in (1, 2)
        for j in (1, 2)
    ]
    for name, lowest in (("A", 2), ("B", 2), ("AP", 1), ("BP", 1)):
        cards.append(card(f"{name}_ORDER", value(f"{name}_ORDER", 0), "degree of SIP polynomial"))
        for keyword in _coefficients(name, lowest):
            number = value(keyword, 0.0)
            cards.append(card(keyword, number, "SIP coefficient") if number else _zero(keyword))
    cards += [card(f"{x}_DMAX", value(f"{x}_DMAX", 0.0), "[pixel] largest") for x in "AB"]
    return cards


_RESIDUALS = ("A", "B", "F", "AP", "BP", "BF", "X0", "X1", "X2", "X3")
_OF_THE_FIT = {
    "WCSGDF": (-1.0, "fraction of reference stars that are good"),
    "CTRPCOL": (-1, "blocks of reference stars along columns"),
    "CTRPROW": (-1, "blocks of reference stars along rows"),
    "FLXWIN": (-1, "[pixel] side of the square for FLX"),
    "WCSDEG": (-1, "degree of the polynomials that were fitted"),
    "WCSBADB": (-1, "blocks with too few good stars"),
}


def fit_cards(frame: Frame) -> Cards:
    """Cards of a fitted solution's quality; -1 if none was fitted."""
    sky = has_sky(frame)
    cards = [
        card(keyword, raw_value(frame, source, 0.0) if sky else 0.0, f"[deg] {source}, or 0")
        for keyword, source in (("RA_TARG", "CRVAL1"), ("DEC_TARG", "CRVAL2"))
    ]
    known: dict[str, tuple[Any, str]] = {
        f"RMS{name}": (-1.0, "[pixel]" if name in ("AP", "BP", "BF") else "[arcsec]")
        for name in _RESIDUALS
    }
    for keyword, (none, comment) in (known | _OF_THE_FIT).items():
        cards.append(card(keyword, raw_value(frame, keyword, none), f"{comment}; -1: not fitted"))
    return cards


@cache
def _coefficients(name: str, lowest: int) -> tuple[str, ...]:
    return tuple(
        f"{name}_{i}_{j}"
        for i in range(HIGHEST_DEGREE + 1)
        for j in range(HIGHEST_DEGREE + 1 - i)
        if i + j >= lowest
    )


@cache
def _zero(keyword: str) -> tuple[str, str]:
    return card(keyword, 0.0, "SIP coefficient")
