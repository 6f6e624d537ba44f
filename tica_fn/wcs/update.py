"""Putting a solution in a file: cards of headers and one table change, all other bytes stay.

The new file is written aside, compared with what was meant, and renamed over the old one.
Nothing in it depends on the clock or on what an earlier run left, so a second run makes the same
bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import BLOCK, RawHDU
from tica_fn.fits.checksum import add_sums, encode, sum_bytes
from tica_fn.fits.header import CARD, Cards, split_cards
from tica_fn.fits.image_file import ImageFile
from tica_fn.immutable import Array
from tica_fn.wcs.cards import Card

__all__ = ["HISTORY_MARK", "STARS_NAME", "format_card", "update_image"]

HISTORY_MARK = "tica-fn wcs fit:"
STARS_NAME = "WCS_STARS"
_PHYSICAL = re.compile(r"WCSNAMEP|WCSAXESP|C(TYPE|UNIT|RPIX|RVAL|DELT)\dP")
_MAP = re.compile(
    r"WCSAXES|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|PV[12]_\d+|LONPOLE|LATPOLE|"
    r"RADESYS|(A|B|AP|BP)_(\d+_\d+|ORDER|DMAX)"
)
_SIP = re.compile(r"(A|B|AP|BP)_(\d+_\d+|DMAX)")
_FORMATS = {"int64": "K", "int16": "I", "float32": "E"}
_UNITS = {"FLXCOL": "pix", "FLXROW": "pix", "FLX": "count", "BKG": "count"}


def format_card(key: str, value: Any, comment: str = "") -> str:
    """Format one card, numbers with all their digits."""
    if isinstance(value, bool | np.bool_):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, int | np.integer):
        text = f"{int(value):>20}"
    elif isinstance(value, float | np.floating):
        if not np.isfinite(value):
            raise ValueError(f"{key} is {value}; a header holds finite numbers only")
        text = f"{repr(float(value)).upper():>20}"
    else:
        quoted = str(value).replace("'", "''")
        text = f"'{quoted:<8}'".ljust(20)
    card = f"{key:<8}= {text}" + (f" / {comment}" if comment else "")
    return f"{card[:CARD]:<80}"


def update_image(
    image: ImageFile,
    cards: Sequence[Card],
    stars: Mapping[str, Array],
    history: Sequence[str],
    target: str | os.PathLike[str] | None = None,
) -> Path:
    """Write an image file with a solution in its header and a table of stars at its end.

    Parameters
    ----------
    image : ImageFile
        The file as it was read.
    cards : sequence of tuple
        Keyword, value and comment, for the header of the image.
    stars : mapping of str to ndarray
        Columns of the table ``WCS_STARS``, which replaces one that is there.
    history : sequence of str
        HISTORY lines, for the primary header; they replace those of an earlier run.  COMMENT
        lines where the image is there, and what was said of it before is no HISTORY either.
    target : path-like, optional
        File to write; the image's own by default.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    BadFileError
        If what was written is not what it should be; the old file is untouched then.
    OSError
        If it can't be written.
    """
    path = Path(target) if target is not None else image.path
    here, primary = _places(image, cards)
    parts: list[Any] = []
    for index, hdu in enumerate(image.hdus):
        if _name(hdu) == STARS_NAME:
            continue
        changes = here if index == image.image else primary if index == 0 else ()
        lines = history if index == 0 else ()
        parts += [_new_header(hdu, changes, lines), hdu.data]
    parts += _table(stars)
    # A tile-compressed or plain file is written as it is, one that was gzipped is so again.
    zipped = image.gzipped if target is None else str(path).endswith(".gz")
    whole: list[Any] = parts
    if zipped:
        plain = b"".join(parts)
        packed = igzip.compress(plain, compresslevel=2, mtime=0)
        if igzip.decompress(packed) != plain:  # type: ignore[no-untyped-call]
            raise BadFileError(f"{path}: what was compressed unpacks differently")
        whole = [packed]
    real = path.resolve()  # A link stays, and what it points to is replaced.
    mode = real.stat().st_mode & 0o7777 if real.exists() else None
    write_whole(real, whole, verify=True, mode=mode)
    return path


def _places(image: ImageFile, cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Cards for the image's header, and those for the primary header.

    Products in SPOC's layout have one list of cards in the image's header, whatever the degree:
    coefficients beyond it are 0, and what has no place there goes in the primary header.
    """
    header = image.hdus[image.image].header
    if not image.image or not str(image.hdus[0].header.get("CREATOR", "")).startswith("tica-fn"):
        return list(cards), []
    said = {key for key, _, _ in cards}
    here = [card for card in cards if card[0] in header]
    here += [(key, 0.0, "0: none") for key in header if _SIP.fullmatch(key) and key not in said]
    extensions = sum(_name(hdu) != STARS_NAME for hdu in image.hdus[1:]) + 1
    count = ("NEXTEND", extensions, "number of standard extensions")
    return here, [count, *(card for card in cards if card[0] not in header)]


def _name(hdu: RawHDU) -> str:
    return str(hdu.header.get("EXTNAME", "")).strip().upper()


def _new_header(hdu: RawHDU, cards: Sequence[Card], history: Sequence[str]) -> bytes:
    """Bytes of a header with cards set and history replaced; the old bytes where none is."""
    if not cards and not history:
        return hdu.text.encode("ascii")
    kept = split_cards(hdu.text)
    if cards:
        kept = _set_cards(kept, cards)
    if history:
        kept = [card for card in kept if card[1][8:].find(HISTORY_MARK) != 0]
        said = any(key == "HISTORY" for key, _ in kept)
        word = "HISTORY" if said or not hdu.header["NAXIS"] else "COMMENT"
        kept += [(word, f"{word:<8}{f'{HISTORY_MARK} {line}'[:72]:<72}") for line in history]
    if not any(key in ("CHECKSUM", "DATASUM") for key, _ in kept):
        return _bytes(kept)
    # A sum that is there was verified as the file was read.
    known = str(hdu.header.get("DATASUM", "")).strip()
    if known:
        return _finish(kept, int(known), keep=True)
    return _finish(kept, sum_bytes(hdu.data) if len(hdu.data) else 0)


def _set_cards(kept: Cards, cards: Sequence[Card]) -> Cards:
    """Replace cards where they stand and append new ones.

    The cards of the map itself stand together, WCSAXES first as the standard wants; unless all
    of them are there already they are taken out and appended.
    """
    texts = {key: format_card(key, value, comment) for key, value, comment in cards}
    present = {key for key, _ in kept}
    unwanted = set()
    if "DATE-OBS" in present:  # SPOC's headers have dates of their own, in UTC
        unwanted |= {"DATE-BEG", "DATE-END"}
    if not present & {"INT_TIME", "EXPOSURE", "EXPTIME"}:  # the exposure is not known
        unwanted.add("EXPTIME")
    texts = {key: text for key, text in texts.items() if key not in unwanted}
    if not all(key in present for key in texts if _MAP.fullmatch(key)):
        kept = [card for card in kept if not _MAP.fullmatch(card[0])]
    kept = [card for card in kept if not _MAP.fullmatch(card[0]) or card[0] in texts]
    seen: set[str] = set()
    out: Cards = []
    for key, text in kept:
        if key in texts:
            if key not in seen:
                out.append((key, texts[key]))
            seen.add(key)
        else:
            out.append((key, text))
    added = [(key, text) for key, text in texts.items() if key not in seen]
    # WCSAXES comes before all other keywords of a WCS, those of the physical one included.
    place = next((n for n, (key, _) in enumerate(out) if _PHYSICAL.fullmatch(key)), len(out))
    return [*out[:place], *added, *out[place:]]


def _finish(cards: Cards, total: int, keep: bool = False) -> bytes:
    """Header bytes with checksums; `total` is the sum of the data, whose card may be kept."""
    texts = {} if keep else {"DATASUM": format_card("DATASUM", str(total), "data unit checksum")}

    def with_sum(value: str) -> bytes:
        texts["CHECKSUM"] = format_card("CHECKSUM", value, "HDU checksum")
        found = {key for key, _ in cards}
        body = [(key, texts.get(key, text)) for key, text in cards]
        return _bytes(body + [(key, texts[key]) for key in texts if key not in found])

    return with_sum(encode(add_sums(sum_bytes(with_sum("0" * 16)), total)))


def _bytes(cards: Cards) -> bytes:
    text = "".join(text for _, text in cards) + f"{'END':<80}"
    return (text + " " * (-len(text) % BLOCK)).encode("ascii")


def _table(stars: Mapping[str, Array]) -> tuple[bytes, bytes]:
    """Header and data of the table of stars."""
    count = len(next(iter(stars.values())))
    record = np.dtype([(name, array.dtype.newbyteorder(">")) for name, array in stars.items()])
    rows = np.empty(count, record)
    for name, array in stars.items():
        rows[name] = array
    data = rows.tobytes()
    data += b"\0" * (-len(data) % BLOCK)
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", "binary table extension"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", record.itemsize, "bytes a row"),
        ("NAXIS2", count, "rows"),
        ("PCOUNT", 0, "number of group parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("TFIELDS", len(stars), "number of columns"),
    ]
    for k, (name, array) in enumerate(stars.items(), start=1):
        cards.append((f"TTYPE{k}", name, ""))
        cards.append((f"TFORM{k}", _FORMATS[array.dtype.name], ""))
        if name in _UNITS:
            cards.append((f"TUNIT{k}", _UNITS[name], ""))
    cards.append(("EXTNAME", STARS_NAME, "stars that the solution was fitted to"))
    texts = [(card[0], format_card(*card)) for card in cards]
    return _finish(texts, sum_bytes(data)), data
