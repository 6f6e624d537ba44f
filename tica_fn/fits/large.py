"""Large FITS files that are read and checked piece by piece.

The collateral of a whole sector is gigabytes.  Such a file is held open (a gzipped one is unpacked
into a nameless file), its checksums are verified in pieces, and table values are read row by row
when needed.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
from isal import isal_zlib

from tica_fn.errors import BadFileError, one_line
from tica_fn.fits.blocks import BLOCK, RawHDU, UnreadHDU, pieces_of_gzip
from tica_fn.fits.checksum import add_sums, sum_bytes
from tica_fn.fits.held_file import HeldFile
from tica_fn.fits.sizes import check_structure, whole
from tica_fn.fits.stored import Meaning, column_meaning
from tica_fn.immutable import Array, frozen_array

__all__ = [
    "Column",
    "column_of",
    "held",
    "meaning_of",
    "row_type",
    "sums_of",
    "table_rows",
    "whole_numbers",
]

_PIECE = 1 << 26
_BEST_PACKING = 1032
"""Largest possible ratio of uncompressed to gzipped size."""


def held(path: str | os.PathLike[str]) -> HeldFile:
    """Hold a file open, unpacked if it is gzipped."""
    file = HeldFile(path)
    if file.read(0, 2) != b"\x1f\x8b":
        return file
    with tempfile.TemporaryFile() as unpacked:
        most = _BEST_PACKING * file.size + BLOCK
        try:
            for piece in pieces_of_gzip(path, most):
                unpacked.write(piece)
            unpacked.flush()
        except BadFileError:
            raise
        except OSError as error:
            why = f"{error.strerror}, while unpacking {path}"
            raise OSError(error.errno, why, tempfile.gettempdir()) from error
        return HeldFile(path, unpacked.fileno())


def sums_of(file: HeldFile, hdus: Sequence[RawHDU]) -> tuple[dict[int, int], str]:
    """Checksums of the data of each HDU, and the CRC-32 of the whole file, in one pass."""
    sums: dict[int, int] = {}
    crc, place = 0, 0
    for number, hdu in enumerate(hdus):
        assert isinstance(hdu, UnreadHDU)
        total = 0
        crc = isal_zlib.crc32(file.read(place, hdu.start - place), crc)
        place = hdu.start
        for piece in _pieces(file, place, min(hdu.stop, file.size)):
            crc = isal_zlib.crc32(piece, crc)
            total = add_sums(total, sum_bytes(memoryview(piece)))
        place = min(hdu.stop, file.size)
        sums[number] = total
    for piece in _pieces(file, place, file.size):
        crc = isal_zlib.crc32(piece, crc)
    return sums, f"{crc:08x}"


def _pieces(file: HeldFile, start: int, stop: int) -> Iterator[bytes]:
    for place in range(start, stop, _PIECE):
        yield file.read(place, min(_PIECE, stop - place))


@attrs.frozen(eq=False)
class Column:
    """A column of a table that stays in its file.

    `column[n]` reads the stored big-endian values of row `n`; `order` gives each row's place in the
    table.
    """

    hdu: UnreadHDU
    width: int
    offset: int
    kind: np.dtype[Any]
    order: Array

    @classmethod
    def of(cls, hdu: RawHDU, row: np.dtype[Any], name: str) -> Column:
        """Find a column by name in a file that is held open."""
        assert isinstance(hdu, UnreadHDU)
        fields: Any = row.fields
        kind, offset = fields[name][:2]
        return cls(hdu, row.itemsize, offset, kind, np.arange(int(hdu.header["NAXIS2"])))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of rows, then the shape of each value."""
        return (self.order.size, *self.kind.shape)

    def __getitem__(self, n: int | np.integer[Any]) -> Array:
        start = self.width * int(self.order[n]) + self.offset
        found = np.frombuffer(self.hdu.part(start, self.kind.itemsize), self.kind.base)
        return found.reshape(self.kind.shape)

    def all(self) -> Array:
        """Values of all rows, for columns with one number per row."""
        rows = [self[n] for n in range(self.order.size)]
        return np.array(rows, self.kind.base) if rows else np.empty(self.shape, self.kind.base)


_FORM = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "P": 8,
          "M": 16, "Q": 16}  # fmt: skip


def row_type(path: str | os.PathLike[str], hdu: RawHDU) -> np.dtype[Any]:
    """Type of a row of a binary table, big-endian."""
    from astropy.io import fits

    header = hdu.header
    check_structure(str(path), header)
    places = range(1, whole(str(path), header, "TFIELDS", 0, 999) + 1)
    width = sum(_width(path, header.get(f"TFORM{n}")) for n in places)
    if width != header["NAXIS1"]:
        raise BadFileError(
            f"{path}: the table's columns take {width} bytes per row, but NAXIS1 is "
            f"{header['NAXIS1']}"
        )
    try:
        columns = fits.ColDefs(
            [
                fits.Column(
                    name=str(header[f"TTYPE{n}"]),
                    format=header[f"TFORM{n}"],
                    dim=header.get(f"TDIM{n}"),
                )
                for n in places
            ]
        )
        kind: np.dtype[Any] = columns.dtype.newbyteorder(">")
    except (KeyError, ValueError, TypeError, AssertionError, fits.VerifyError) as error:
        raise BadFileError(
            f"{path}: the table's columns can't be read ({one_line(str(error))})"
        ) from error
    if kind.itemsize != width:
        raise BadFileError(f"{path}: the table's columns can't be read (their shapes, TDIM)")
    return kind


def table_rows(path: str | os.PathLike[str], hdu: RawHDU) -> Array:
    """Rows of a binary table as stored; `column_of` converts them."""
    kind = row_type(path, hdu)
    return np.frombuffer(hdu.data, dtype=kind, count=int(hdu.header["NAXIS2"]))


def _width(path: str | os.PathLike[str], form: object) -> int:
    """Bytes that a column takes in each row."""
    match = _FORM.match(form) if isinstance(form, str) else None
    if match is None:
        raise BadFileError(f"{path}: {form!r} is not a valid column format (TFORM)")
    count = int(match[1] or 1)
    return -(-count // 8) if match[2] == "X" else count * _BYTES[match[2]]


def meaning_of(path: str | os.PathLike[str], hdu: RawHDU, row: np.dtype[Any], name: str) -> Meaning:
    """Scaling and undefined value of a column."""
    place = (row.names or ()).index(name)
    return column_meaning(f"{path}: {name}", hdu.header, place + 1, row[name])


def column_of(path: str | os.PathLike[str], hdu: RawHDU, table: Array, name: str) -> Array:
    """Converted values of a column; NaN if undefined."""
    return meaning_of(path, hdu, table.dtype, name).of(table[name])


def whole_numbers(what: str, values: Array, missing: int) -> Array:
    """Values of an integer column as int32; undefined ones become `missing`."""
    undefined = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, bool)
    found = np.where(undefined, missing, values) if undefined.any() else values
    limits = np.iinfo(np.int32)
    fits_in = not found.size or (found.min() >= limits.min and found.max() <= limits.max)
    if not fits_in or (found.dtype.kind == "f" and (found != np.rint(found)).any()):
        raise BadFileError(f"{what} has values that are not 32-bit whole numbers")
    return frozen_array(found, np.int32)
