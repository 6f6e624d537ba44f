"""Changing some headers and tables of a FITS file; all other bytes stay.

The new file is written beside the old one, compared with the intended content, and renamed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tica_fn.fits.atomic import Identity, write_whole
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.cards import Cards, split_cards
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.gzipped import gzipped_whole
from tica_fn.fits.hdu_bytes import Bytes, header_bytes, summed_header
from tica_fn.fits.proof import check_readable

__all__ = ["changed_header", "extension_name", "update_file"]

_LEVEL = 2
"""Level of gzip, for files that were gzipped before."""


def update_file(
    path: Path,
    hdus: Sequence[RawHDU],
    changes: Mapping[int, Callable[[Cards], Cards]],
    tables: Mapping[str, Sequence[Bytes]],
    *,
    gzipped: bool,
    replaces: Identity | None = None,
    check: Callable[[int, bytes], None] | None = None,
) -> None:
    """Write a file with some headers changed and tables appended.

    `changes`: functions that change the cards of an HDU, by its number; `tables`: header and data
    by name, replacing those of the same name; `replaces`: identity of the file that was read;
    `check` is called with the bytes of each header before anything is written.
    """
    parts: list[Bytes] = []
    for number, hdu in enumerate(hdus):
        if extension_name(hdu) in tables:
            continue
        header = changed_header(hdu, changes.get(number))
        if check is not None:
            check(number, header)
        parts += [header, hdu.data]
    for table in tables.values():
        parts += table
    check_readable(path, parts)
    if gzipped:
        parts = [gzipped_whole(path, parts, _LEVEL)]
    # A link stays; its target is replaced.
    write_whole(path.resolve(), parts, verify=True, replaces=replaces)


def extension_name(hdu: RawHDU) -> str:
    """EXTNAME in upper case."""
    return str(hdu.header.get("EXTNAME", "")).strip().upper()


def changed_header(hdu: RawHDU, change: Callable[[Cards], Cards] | None) -> bytes:
    """Bytes of a header with changed cards, and new checksums if it had some."""
    if change is None:
        return hdu.text.encode("ascii")
    cards = change(split_cards(hdu.text))
    if not any(name in ("CHECKSUM", "DATASUM") for name, _ in cards):
        return header_bytes(cards)
    # An existing sum was verified when the file was read.
    known = str(hdu.header.get("DATASUM", "")).strip()
    return summed_header(cards, int(known) if known else sum_bytes(hdu.data) if hdu.data else 0)
