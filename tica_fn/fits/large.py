"""Large FITS files, of which little is wanted at a time: mapped, and checked piece by piece.

The collateral of a whole sector takes gigabytes.  Such a file is mapped (unpacked into a nameless
file first where it is gzipped), its checksums are verified in pieces that are let go again, and the
rows of its tables are views onto it.
"""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io import fits
from isal import isal_zlib

from tica_fn.errors import BadFileError, one_line
from tica_fn.fits.blocks import BLOCK, RawHDU, pieces_of_gzip
from tica_fn.fits.checksum import add_sums, sum_bytes
from tica_fn.fits.sizes import check_structure, whole
from tica_fn.fits.stored import Meaning, column_meaning
from tica_fn.immutable import Array, frozen_array

__all__ = ["column_of", "mapped", "meaning_of", "sums_of", "table_rows", "whole_numbers"]

_PIECE = 1 << 26
_BEST_PACKING = 1032
"""No gzipped file is longer than so many times what it takes packed."""


def mapped(path: str | os.PathLike[str]) -> memoryview:
    """Map a file, unpacked if it is gzipped."""
    with Path(path).open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return _map(file.fileno())
    with tempfile.TemporaryFile() as unpacked:
        most = _BEST_PACKING * Path(path).stat().st_size + BLOCK
        try:
            for piece in pieces_of_gzip(path, most):
                unpacked.write(piece)
            unpacked.flush()
        except BadFileError:
            raise
        except OSError as error:
            why = f"{error.strerror}, wanted to unpack {path}"
            raise OSError(error.errno, why, tempfile.gettempdir()) from error
        return _map(unpacked.fileno())


def _map(handle: int) -> memoryview:
    if not os.fstat(handle).st_size:
        return memoryview(b"")  # Nothing can't be mapped.
    return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))


def sums_of(data: memoryview, hdus: list[RawHDU]) -> tuple[dict[int, int], str]:
    """Sums of the data of each HDU, and the CRC-32 of the whole file, in one pass."""
    sums: dict[int, int] = {}
    crc, place = 0, 0
    for number, hdu in enumerate(hdus):
        total = 0
        crc = isal_zlib.crc32(data[place : place + len(hdu.text)], crc)
        place += len(hdu.text)
        for piece in _pieces(data[place : place + len(hdu.data)], data):
            crc = isal_zlib.crc32(piece, crc)
            total = add_sums(total, sum_bytes(piece))
        place += len(hdu.data)
        sums[number] = total
    return sums, f"{isal_zlib.crc32(data[place:], crc):08x}"


def _pieces(part: memoryview, data: memoryview) -> Iterator[memoryview]:
    """Go through a part of mapped data, whose pages are let go behind."""
    for start in range(0, len(part), _PIECE):
        yield part[start : start + _PIECE]
        if isinstance(data.obj, mmap.mmap):
            data.obj.madvise(mmap.MADV_DONTNEED)


_FORM = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "P": 8,
          "M": 16, "Q": 16}  # fmt: skip


def table_rows(path: str | os.PathLike[str], hdu: RawHDU) -> Array:
    """Rows of a binary table as they are in the file; `column_of` tells what they mean."""
    header = hdu.header
    check_structure(str(path), header)
    places = range(1, whole(str(path), header, "TFIELDS", 0, 999) + 1)
    width = sum(_width(path, header.get(f"TFORM{n}")) for n in places)
    if width != header["NAXIS1"]:
        raise BadFileError(
            f"{path}: the table's columns take {width} bytes a row, not the {header['NAXIS1']} of "
            "NAXIS1"
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
        kind = columns.dtype.newbyteorder(">")
    except (KeyError, ValueError, TypeError, AssertionError, fits.VerifyError) as error:
        raise BadFileError(
            f"{path}: the table's columns can't be read ({one_line(str(error))})"
        ) from error
    if kind.itemsize != width:
        raise BadFileError(f"{path}: the table's columns can't be read (their shapes, TDIM)")
    return np.frombuffer(hdu.data, dtype=kind, count=int(header["NAXIS2"]))


def _width(path: str | os.PathLike[str], form: object) -> int:
    """Bytes that a column takes in each row."""
    match = _FORM.match(form) if isinstance(form, str) else None
    if match is None:
        raise BadFileError(f"{path}: {form!r} is no format of a table's column (TFORM)")
    count = int(match[1] or 1)
    return -(-count // 8) if match[2] == "X" else count * _BYTES[match[2]]


def meaning_of(path: str | os.PathLike[str], hdu: RawHDU, table: Array, name: str) -> Meaning:
    """What the values of a column mean."""
    place = (table.dtype.names or ()).index(name)
    return column_meaning(f"{path}: {name}", hdu.header, place + 1, table.dtype[name])


def column_of(path: str | os.PathLike[str], hdu: RawHDU, table: Array, name: str) -> Array:
    """Values of a column as they are meant; NaN where there is none."""
    return meaning_of(path, hdu, table, name).of(table[name])


def whole_numbers(what: str, values: Array, missing: int) -> Array:
    """Values of a column that must be whole, as int32; one that is undefined is `missing`."""
    undefined = ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(0, bool)
    found = np.where(undefined, missing, values) if undefined.any() else values
    limits = np.iinfo(np.int32)
    fits_in = not found.size or (found.min() >= limits.min and found.max() <= limits.max)
    if not fits_in or (found.dtype.kind == "f" and (found != np.rint(found)).any()):
        raise BadFileError(f"{what} holds values that are no 32-bit whole numbers")
    return frozen_array(found, np.int32)
