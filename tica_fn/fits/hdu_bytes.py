"""HDUs as bytes: headers with checksums, 32-bit images, and tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import numpy as np

from tica_fn import kernels
from tica_fn.fits.blocks import BLOCK
from tica_fn.fits.cards import CARD, Cards, card
from tica_fn.fits.checksum import ALL_ONES, add_sums, encode, sum_bytes
from tica_fn.immutable import Array, freeze

__all__ = [
    "Bytes",
    "Joined",
    "datasum_card",
    "extension_hdu",
    "finished_header",
    "header_bytes",
    "image_structure",
    "image_words",
    "is_gzip_name",
    "summed_header",
    "table_parts",
]

Bytes = bytes | bytearray | memoryview
_SUM_DIGITS = 10
"""Digits of DATASUM: the same length in every frame."""
_FORMATS = {"int64": "K", "int32": "J", "int16": "I", "float32": "E", "float64": "D"}


def header_bytes(cards: Cards) -> bytes:
    """Header as in a file, with END and padding."""
    text = "".join(text for _, text in cards) + f"{'END':<{CARD}}"
    return (text + " " * (-len(text) % BLOCK)).encode("ascii")


def datasum_card(datasum: int, digits: int = 1) -> tuple[str, str]:
    """Card with the checksum of a data unit."""
    return card("DATASUM", f"{datasum:0{digits}d}", "data unit checksum")


def summed_header(cards: Cards, datasum: int) -> bytes:
    """Header with CHECKSUM and DATASUM, at their places in `cards` or at the end.

    `datasum`: sum of the data unit; an existing DATASUM must have this value.
    """
    names = [name for name, _ in cards]
    if "DATASUM" not in names:
        cards = [*cards, datasum_card(datasum)]
    empty = card("CHECKSUM", "0" * 16, "HDU checksum")
    if "CHECKSUM" in names:
        cards = [empty if name == "CHECKSUM" else (name, text) for name, text in cards]
    else:
        cards = [*cards, empty]
    head = bytearray(header_bytes(cards))
    # Place of the first zero of CHECKSUM.
    place = sum(len(text) for _, text in cards[: [name for name, _ in cards].index("CHECKSUM")])
    total = add_sums(sum_bytes(head), datasum)
    head[place + 11 : place + 27] = encode(total).encode("ascii")
    assert add_sums(sum_bytes(head), datasum) in (ALL_ONES, 0)
    return bytes(head)


def finished_header(cards: Cards, datasum: int) -> bytes:
    """Header of a product; its checksums have the same length in every frame."""
    long_strings = any(text.startswith("CONTINUE", CARD) for _, text in cards)
    if long_strings and not any(name == "LONGSTRN" for name, _ in cards):
        cards = [*cards, card("LONGSTRN", "OGIP 1.0", "strings may go on in the next card")]
    return summed_header([*cards, datasum_card(datasum, _SUM_DIGITS)], datasum)


def image_structure(shape: tuple[int, ...], kind: str, *, extension: bool = False) -> Cards:
    """Structure cards of a 32-bit image; `kind` is that of a dtype, "f" or "i"."""
    rows, columns = shape
    start = (
        card("XTENSION", "IMAGE", "image extension")
        if extension
        else card("SIMPLE", True, "conforms to FITS standard")
    )
    size = [
        card("BITPIX", -32 if kind == "f" else 32, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", columns, "columns"),
        card("NAXIS2", rows, "rows"),
    ]
    if not extension:
        return [start, *size, card("EXTEND", True, "extensions may follow")]
    return [start, *size, *_GROUPS]


_GROUPS = (
    card("PCOUNT", 0, "number of group parameters"),
    card("GCOUNT", 1, "number of groups"),
)


def image_words(pixels: Array) -> tuple[memoryview, int]:
    """Data unit of 32-bit pixels, and its checksum.

    `pixels`: (rows, columns) float32 or int32.
    """
    size = pixels.nbytes
    data = np.zeros(size + -size % BLOCK, dtype=np.uint8)
    words = freeze(np.ascontiguousarray(pixels).view(np.uint32).reshape(-1))
    datasum = int(kernels.to_big_endian(words, data[:size].view(np.uint32)))
    return data.data, datasum


def extension_hdu(cards: Cards, pixels: Array) -> bytes:
    """Image extension of 32-bit reals.

    `pixels`: (rows, columns), written as float32.
    """
    pixels = np.asarray(pixels, dtype=np.float32)
    data, datasum = image_words(pixels)
    structure = image_structure(pixels.shape, "f", extension=True)
    return finished_header([*structure, *cards], datasum) + bytes(data)


def table_parts(
    columns: Mapping[str, Array],
    units: Mapping[str, str] | None = None,
    comments: Mapping[str, str] | None = None,
) -> tuple[Cards, bytes]:
    """Structure cards and data of a binary table.

    `columns`: arrays of equal length, numbers or bytes, by name.
    """
    arrays = {name: np.asarray(array) for name, array in columns.items()}
    count = len(next(iter(arrays.values())))
    record = np.dtype([(name, array.dtype.newbyteorder(">")) for name, array in arrays.items()])
    rows = np.empty(count, record)
    cards: Cards = [
        card("XTENSION", "BINTABLE", "binary table extension"),
        card("BITPIX", 8, "array data type"),
        card("NAXIS", 2, "number of array dimensions"),
        card("NAXIS1", record.itemsize, "bytes a row"),
        card("NAXIS2", count, "rows"),
        *_GROUPS,
        card("TFIELDS", len(arrays), "number of columns"),
    ]
    for k, (name, array) in enumerate(arrays.items(), start=1):
        rows[name] = array
        kind = f"{array.itemsize}A" if array.dtype.kind == "S" else _FORMATS[array.dtype.name]
        cards.append(card(f"TTYPE{k}", name, (comments or {}).get(name, "")))
        cards.append(card(f"TFORM{k}", kind))
        if unit := (units or {}).get(name):
            cards.append(card(f"TUNIT{k}", unit))
    data = rows.tobytes()
    return cards, data + bytes(-len(data) % BLOCK)


def is_gzip_name(path: str | os.PathLike[str]) -> bool:
    """Tell whether the name of a file asks for gzip."""
    return os.fspath(path).endswith(".gz")


class Joined:
    """Parts of a file that can be sliced as if they were one."""

    def __init__(self, parts: Iterable[Bytes]) -> None:
        self._parts = [memoryview(part).cast("B") for part in parts]
        self._size = sum(len(part) for part in self._parts)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> memoryview:
        start, stop, _ = key.indices(self._size)
        found: list[memoryview] = []
        for part in self._parts:
            if start < len(part) and stop > 0 and start < stop:
                found.append(part[max(start, 0) : stop])
            start, stop = start - len(part), stop - len(part)
        # A slice within one part is not copied.
        return found[0] if len(found) == 1 else memoryview(b"".join(found))
