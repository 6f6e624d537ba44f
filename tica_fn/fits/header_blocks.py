"""Where HDUs of a file begin and their headers end; malformed headers are refused."""

from __future__ import annotations

import os

from tica_fn.errors import BadFileError, one_line
from tica_fn.fits.cards import CARD, split_cards
from tica_fn.fits.header import Header
from tica_fn.fits.sizes import check_structure, data_size

__all__ = [
    "BLOCK",
    "LONGEST_HEADER",
    "MOST_HDUS",
    "begins",
    "check_data",
    "checked_size",
    "end_of_header",
    "read_header",
]

BLOCK = 2880
LONGEST_HEADER = 100 * BLOCK
MOST_HDUS = 1000
_END = b"END".ljust(CARD)


def begins(path: str | os.PathLike[str], head: bytes, number: int) -> bool:
    """Tell whether an HDU begins here; other bytes after the last HDU are allowed."""
    if number:
        if head[:8] != b"XTENSION":
            return False
        if number >= MOST_HDUS:
            raise BadFileError(f"{path}: more than {MOST_HDUS} HDUs")
        return True
    if not head:
        raise BadFileError(f"{path}: the file is empty")
    if head[:9] != b"SIMPLE  =":
        raise BadFileError(f"{path}: not a FITS file (it does not start with SIMPLE)")
    return True


def end_of_header(where: str, data: memoryview, start: int) -> int | None:
    """End of a header; None if the data end first."""
    end = start
    while True:
        block = bytes(data[end : end + BLOCK])
        if len(block) < BLOCK:
            return None
        end += BLOCK
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, CARD)):
            return end
        if end - start > LONGEST_HEADER:
            raise BadFileError(f"{where}: the header has no end (no END card)")


def read_header(where: str, raw: bytes) -> tuple[Header, str]:
    """Header and its text; non-ASCII bytes become question marks in both."""
    text = raw.decode("ascii", errors="replace").replace("\ufffd", "?")
    _check_rest(where, text)
    try:
        header = Header(split_cards(text))
    except (ValueError, KeyError, TypeError) as error:
        raise BadFileError(f"{where}: the header can't be read ({one_line(str(error))})") from error
    return header, text


def _check_rest(where: str, text: str) -> None:
    """Refuse cards after the END card, which other readers would take for the header's."""
    last = text[-BLOCK:]
    places = range(0, len(last), CARD)
    end = next((i for i in places if last[i : i + 8] == "END     "), len(last))
    if last[end + CARD :].strip(" \0"):
        raise BadFileError(f"{where}: the header continues after its END card")


def checked_size(where: str, header: Header, left: int) -> int:
    """Size of an HDU's data in bytes; refuse a truncated file."""
    try:
        size = data_size(where, header)
        check_structure(where, header)
    except (ValueError, KeyError, TypeError) as error:
        raise BadFileError(f"{where}: the header can't be read ({one_line(str(error))})") from error
    if size > left:
        raise BadFileError(f"{where}: the file is truncated: {left} of {size} bytes of data")
    return size


def check_data(where: str, start: memoryview) -> None:
    """Refuse the rest of a header in place of an HDU's first block of data."""
    block = bytes(start[:BLOCK])
    if block.isascii() and any(block[i : i + CARD] == _END for i in range(0, len(block), CARD)):
        text = block.decode("ascii")
        if text.isprintable() and not text.startswith("XTENSION"):
            raise BadFileError(f"{where}: the header continues after its END card")
