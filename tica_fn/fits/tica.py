"""Products in TICA's layout: the calibrated readout as float32 in the primary HDU.

The header is the raw primary header followed by the raw image header.  If both have a keyword, the
image's value stays, and a different primary value becomes HISTORY.  The keywords that name the
maker of the raw file (ORIGIN, DATE, PROCVER, ...) become HISTORY too, because the maker is now
another one.

Products of camera frames, and those with an HLSP name, have COMMENT instead of HISTORY, like
TICA's at MAST, because readers of those stop at HISTORY.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.errors import FrameError
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.hdu_bytes import finished_header, image_structure, image_words
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.hlsp import is_hlsp_name
from tica_fn.fits.keywords import is_spoc_header
from tica_fn.fits.proof import write_product
from tica_fn.fits.provenance import date_card, provenance_cards
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.reader_cards import reader_cards, science_pixels
from tica_fn.frame import ELECTRON, Frame

__all__ = [
    "check_tica",
    "has_comments_for_history",
    "raw_cards",
    "tica_header",
    "write_tica",
]

_STRUCTURE = frozenset(
    [
        "SIMPLE",
        "XTENSION",
        "BITPIX",
        "NAXIS",
        "NAXIS1",
        "NAXIS2",
        "NAXIS3",
        "EXTEND",
        "NEXTEND",
        "PCOUNT",
        "GCOUNT",
        "INHERIT",
        "EXTNAME",
        "EXTVER",
        "BSCALE",
        "BZERO",
        "BLANK",
        "BUNIT",
        "DATAMIN",
        "DATAMAX",
        "CHECKSUM",
        "DATASUM",
        "ZHECKSUM",
        "ZDATASUM",
    ]
)
_MAKER = ("ORIGIN", "DATE", "PROCVER", "FILEVER", "IMAGTYPE", "CREATOR")
_COMMENTARY = ("COMMENT", "HISTORY", "")


def raw_cards(header: Mapping[str, Any]) -> tuple[Cards, Cards]:
    """Cards that a product keeps from the raw frame, and others as HISTORY."""
    if not isinstance(header, OriginalHeader):
        plain = [card(str(k), v) for k, v in header.items() if k not in _STRUCTURE]
        return [c for c in plain if c[0] not in _MAKER], []
    primary, image, _ = header.cards
    place: dict[str, int] = {}
    cards: Cards = []
    history: Cards = []
    for keyword, text in (*primary, *image):
        if keyword in _STRUCTURE:
            continue
        if keyword in _MAKER:
            origin = "Original SPOC header" if header.image else "Original header"
            history.append(_as_history(origin, keyword, text))
        elif keyword in _COMMENTARY or keyword not in place:
            place[keyword] = len(cards)
            cards.append((keyword, text))
        else:
            before = cards[place[keyword]][1]
            if _value(before) != _value(text):
                history.append(_as_history("Original primary header", keyword, before))
            cards[place[keyword]] = (keyword, text)
    return cards, list(dict.fromkeys(history))


def _value(text: str) -> str:
    """Value of a card as text, without the comment; strings keep their quotes."""
    field = text[10:]
    if field.lstrip().startswith("'"):
        start = field.index("'")
        stop = start + 1
        while (stop := field.find("'", stop)) != -1 and field[stop : stop + 2] == "''":
            stop += 2
        return field[start : stop + 1] if stop != -1 else field.strip()
    return field.split("/", 1)[0].strip()


def _same_value(left: str, right: str) -> bool:
    a, b = _value(left), _value(right)
    if a == b:
        return True
    try:
        return float(a) == float(b)
    except ValueError:
        return a.strip("' ") == b.strip("' ")


def _as_history(origin: str, keyword: str, text: str) -> tuple[str, str]:
    value = _value(text)
    shown = value[1:-1].rstrip().replace("''", "'") if value.startswith("'") else value
    return card("HISTORY", f"{origin} {keyword} = {shown}")


def tica_header(
    frame: Frame,
    shape: tuple[int, int] = SHAPE,
    origin: tuple[int, int] = (0, 0),
    *,
    comments: bool = False,
) -> Cards:
    """Header of a product in TICA's layout, without CHECKSUM and DATASUM."""
    cards, history = raw_cards(frame.header)
    own = [
        card("ORIGIN", "tica-fn", "institution or software responsible for this file"),
        date_card(),
        *provenance_cards(frame),
        card("IMAGTYPE", "cal", "calibrated full frame image"),
        card("CAMNUM", frame.camera, "camera number"),
        card("CCDNUM", frame.ccd, "CCD number"),
        card("UNITS", "electrons", "per exposure"),
        card("SCIPIXS", science_pixels(origin), "science pixels, 1-based [columns,rows]"),
        *reader_cards(frame, origin),
    ]
    replaced = dict(own)
    history += [
        _as_history("Original header", keyword, text)
        for keyword, text in cards
        if keyword in replaced and not _same_value(text, replaced[keyword])
    ]
    kept = [c for c in cards if c[0] not in replaced and c[0] != "CAM"]
    empty = [keyword for keyword, text in kept if text[8:10] == "= " and not _value(text)]
    history += [card("HISTORY", f"Original header {keyword} has no value") for keyword in empty]
    whole = [
        *image_structure(shape, "f"),
        *(c for c in kept if c[0] not in empty),
        *own,
        *history,
    ]
    return [_as_comment(c) for c in whole] if comments else whole


def _as_comment(one: tuple[str, str]) -> tuple[str, str]:
    keyword, text = one
    return ("COMMENT", f"COMMENT {text[8:]}") if keyword == "HISTORY" else one


def has_comments_for_history(frame: Frame, path: str | os.PathLike[str]) -> bool:
    """Tell whether a product has COMMENT instead of HISTORY."""
    return is_hlsp_name(path) or not is_spoc_header(frame.header)


def check_tica(frame: Frame, path: str | os.PathLike[str]) -> None:
    """Refuse a frame that TICA's layout can't hold."""
    if frame.pixels.shape not in (SHAPE, TRIMMED_SHAPE) or frame.unit != ELECTRON:
        raise FrameError(
            f"{path}: TICA's layout needs a full readout in electrons, or its science pixels, not "
            f"{frame.pixels.shape} pixels in {frame.unit}"
        )


def write_tica(
    frame: Frame, path: str | os.PathLike[str], extensions: Sequence[bytes] = ()
) -> None:
    """Write a calibrated full readout, or its science pixels, in TICA's layout."""
    check_tica(frame, path)
    pixels = frame.pixels.astype(np.float32, copy=False)
    data, datasum = image_words(pixels)
    comments = has_comments_for_history(frame, path)
    cards = tica_header(frame, pixels.shape, (frame.row, frame.column), comments=comments)
    head = finished_header(cards, datasum)
    write_product(path, [head, data, *extensions])
