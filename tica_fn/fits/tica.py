"""Products in TICA's layout: the calibrated readout as float32 in the primary HDU.

The header is the raw primary header, then the raw image header; where both have a keyword the
image's value stays, and one that differs is kept as HISTORY.  The keywords that name the maker of
the raw file (ORIGIN, DATE, PROCVER, ...) become HISTORY too, as the maker is now another one.

Products of camera frames, and those under an HLSP name, have COMMENT in the place of HISTORY, as
TICA's at MAST do: readers of those stop at HISTORY.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tica_fn import kernels
from tica_fn.detector import SHAPE
from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import BLOCK
from tica_fn.fits.checksum import ALL_ONES, add_sums, encode, sum_bytes
from tica_fn.fits.header import CARD, Cards, OriginalHeader, card
from tica_fn.fits.keywords import is_spoc_header
from tica_fn.fits.names import is_hlsp_name
from tica_fn.fits.provenance import date_card, provenance_cards
from tica_fn.fits.quadrants import TRIMMED_SHAPE
from tica_fn.fits.reader_cards import reader_cards, science_pixels
from tica_fn.frame import ELECTRON, Frame

__all__ = [
    "check_tica",
    "finished_header",
    "raw_cards",
    "says_comments",
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
_GZIP_WINDOW = 16 + 9
"""A gzip stream, which then holds no time and no name, with a window of 512 bytes: pixels are
mostly noise, so a larger one packs no better and takes longer."""
_CHUNK = 1 << 20
_COMMENTARY = ("COMMENT", "HISTORY", "")
_SUM_DIGITS = 10
"""Of DATASUM, so that its length does not vary from frame to frame."""


def raw_cards(header: Mapping[str, Any]) -> tuple[Cards, Cards]:
    """Cards that a product takes over from the raw frame."""
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
    """Value of a card as text, without comment; strings keep their quotes."""
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
    rows, columns = shape
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
        card("SIMPLE", True, "conforms to FITS standard"),
        card("BITPIX", -32, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", columns, "columns"),
        card("NAXIS2", rows, "rows"),
        card("EXTEND", True, "extensions may follow"),
        *(c for c in kept if c[0] not in empty),
        *own,
        *history,
    ]
    return [_as_comment(c) for c in whole] if comments else whole


def _as_comment(one: tuple[str, str]) -> tuple[str, str]:
    keyword, text = one
    return ("COMMENT", f"COMMENT {text[8:]}") if keyword == "HISTORY" else one


def says_comments(frame: Frame, path: str | os.PathLike[str]) -> bool:
    """Tell whether a product has COMMENT in the place of HISTORY."""
    return is_hlsp_name(path) or not is_spoc_header(frame.header)


def finished_header(cards: Cards, datasum: int) -> bytes:
    """Header as bytes, with DATASUM and CHECKSUM."""
    text = "".join(text for _, text in cards)
    long_strings = any(one.startswith("CONTINUE", CARD) for _, one in cards)
    if long_strings and not any(keyword == "LONGSTRN" for keyword, _ in cards):
        text += card("LONGSTRN", "OGIP 1.0", "strings may go on in the next card")[1]
    text += card("DATASUM", f"{datasum:0{_SUM_DIGITS}d}", "data unit checksum")[1]
    place = len(text) + 11  # the first zero of CHECKSUM
    text += card("CHECKSUM", "0" * 16, "HDU checksum")[1] + f"{'END':<{CARD}}"
    head = bytearray(text.encode("ascii"))
    head += b" " * (-len(head) % BLOCK)
    total = add_sums(sum_bytes(head), datasum)
    head[place : place + 16] = encode(total).encode("ascii")
    assert add_sums(sum_bytes(head), datasum) in (ALL_ONES, 0)
    return bytes(head)


def check_tica(frame: Frame, path: str | os.PathLike[str]) -> None:
    """Refuse a frame that TICA's layout does not hold."""
    if frame.pixels.shape not in (SHAPE, TRIMMED_SHAPE) or frame.unit != ELECTRON:
        raise FrameError(
            f"{path}: TICA's layout holds a full readout in electrons, or its science pixels, not "
            f"{frame.pixels.shape} pixels in {frame.unit}"
        )


def write_tica(
    frame: Frame, path: str | os.PathLike[str], extensions: Sequence[bytes] = ()
) -> None:
    """Write a calibrated full readout, or its science pixels, in TICA's layout."""
    check_tica(frame, path)
    pixels = frame.pixels.astype(np.float32, copy=False)
    size = pixels.nbytes
    data = np.zeros(size + -size % BLOCK, dtype=np.uint8)
    words = pixels.view(np.uint32).reshape(-1)
    datasum = int(kernels.to_big_endian(words, data[:size].view(np.uint32)))
    comments = says_comments(frame, path)
    cards = tica_header(frame, pixels.shape, (frame.row, frame.column), comments=comments)
    head = finished_header(cards, datasum)
    write_whole(path, packed(path, head, data.data, *extensions))


def packed(
    path: str | os.PathLike[str], *parts: bytes | memoryview
) -> Iterator[bytes | memoryview]:
    """Parts of a file as they are written: gzipped where its name says so."""
    if not os.fspath(path).endswith(".gz"):
        yield from parts
        return
    from isal import isal_zlib

    packer = isal_zlib.compressobj(level=1, wbits=_GZIP_WINDOW, memLevel=9)
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), _CHUNK):
            yield packer.compress(view[start : start + _CHUNK])
    yield packer.flush()
