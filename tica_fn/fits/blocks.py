"""FITS files as bytes: read whole, split into HDUs, checked.

A file is read (and decompressed) once into memory, and every checksum in its headers is verified.
Sizes are accepted only within the limits of `tica_fn.fits.sizes` and the file's length.  Errors are
one line that names the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from isal import isal_zlib

from tica_fn.errors import BadFileError, tell_note
from tica_fn.fits.gunzip import Unpacking, most_unpacked, pieces_of_gzip, unpacked
from tica_fn.fits.header_blocks import (
    BLOCK,
    begins,
    check_data,
    checked_size,
    end_of_header,
    read_header,
)
from tica_fn.fits.held_file import HeldFile
from tica_fn.fits.raw_hdu import RawHDU, UnreadHDU
from tica_fn.fits.verify_sums import verify_sums

__all__ = [
    "BLOCK",
    "Buffer",
    "RawHDU",
    "UnreadHDU",
    "content",
    "crc32",
    "headers_of",
    "pieces_of_gzip",
    "read_blocks",
    "read_headers",
    "verify_sums",
]

_LARGE = 1 << 28
"""Bytes of a plain file from which on its headers are read first."""


class Buffer:
    """Memory that is reused from file to file."""

    def __init__(self) -> None:
        self._data = np.empty(0, dtype=np.uint8)

    def of_size(self, size: int) -> memoryview:
        """Return `size` bytes; their former content is lost."""
        if self._data.size < size:
            self._data = np.empty(size, dtype=np.uint8)
        return self._data[:size].data


def content(path: str | os.PathLike[str], buffer: Buffer | None = None) -> memoryview:
    """Read a file, decompressed if it is gzipped."""
    if Path(path).is_fifo():
        raise BadFileError(f"{path}: a pipe, not a file")
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(2) == b"\x1f\x8b":
            return unpacked(path, size)
        file.seek(0)
        if size > _LARGE:
            read_headers(path)
        view = (buffer or Buffer()).of_size(size)
        got = 0
        while got < size:
            count = file.readinto(view[got:])
            if not count:
                raise BadFileError(f"{path}: ended after {got} of {size} bytes")
            got += count
    return view


def crc32(data: memoryview) -> str:
    """CRC-32 as eight hexadecimal digits."""
    return f"{isal_zlib.crc32(data):08x}"


def read_blocks(
    path: str | os.PathLike[str], data: memoryview | None = None, *, verify: bool = True
) -> list[RawHDU]:
    """Split a FITS file into HDUs and verify its checksums."""
    if data is None:
        data = content(path)
    hdus: list[RawHDU] = []
    start = 0
    while start < len(data) or not hdus:
        if not begins(path, bytes(data[start : start + 9]), len(hdus)):
            break
        hdu, start = _read_hdu(path, data, start, len(hdus))
        hdus.append(hdu)
    _check_count(path, hdus)
    if verify:
        verify_sums(path, hdus)
    return hdus


def _read_hdu(
    path: str | os.PathLike[str], data: memoryview, start: int, number: int
) -> tuple[RawHDU, int]:
    where = f"{path}: HDU {number}"
    end = end_of_header(where, data, start)
    if end is None:
        raise BadFileError(f"{where}: the file is truncated within the header")
    raw = bytes(data[start:end])
    header, text = read_header(where, raw)
    if not raw.isascii():
        tell_note(f"{where}: non-ASCII letters in the header are read as '?'")
    size = checked_size(where, header, len(data) - end)
    stop = end + -(-size // BLOCK) * BLOCK
    part = data[end:stop]
    check_data(where, part)
    if len(part) < stop - end:
        tell_note(
            f"{where}: the last block is not filled up, {stop - end - len(part)} bytes are missing"
        )
        part = memoryview(bytes(part) + bytes(stop - end - len(part)))
    return RawHDU(text, header, part, raw), stop


def headers_of(path: str | os.PathLike[str], file: HeldFile | None = None) -> Iterator[RawHDU]:
    """HDUs of a file one by one, reading only the needed parts.

    Data are available if the file is not gzipped.  `file`: the file, if it is already open.
    """
    if Path(path).is_fifo():
        raise BadFileError(f"{path}: a pipe, not a file")
    file = file or HeldFile(path)
    size = file.size
    plain = file.read(0, 2) != b"\x1f\x8b"
    if not plain:
        size = most_unpacked(size)
    source = file if plain else Unpacking(path, size)
    start = number = 0
    while start < size or not number:
        where = f"{path}: HDU {number}"
        head = source.read(start, 16 * BLOCK)
        if not begins(path, head, number):
            return
        while (stop := end_of_header(where, memoryview(head), 0)) is None:
            more = source.read(start, len(head) + 16 * BLOCK)
            if len(more) == len(head):
                raise BadFileError(f"{where}: the file is truncated within the header")
            head = more
        header, text = read_header(where, head[:stop])
        length = checked_size(where, header, size - start - stop)
        if plain:
            check_data(where, memoryview(file.read(start + stop, min(length, BLOCK))))
            yield UnreadHDU(text, header, head[:stop], file, start + stop, length)
        else:
            yield RawHDU(text, header, memoryview(b""), head[:stop])
        start += stop + -(-length // BLOCK) * BLOCK
        number += 1
    if plain and size > start + _LARGE:
        raise BadFileError(f"{path}: {size} bytes, but its headers account for only {start}")


def read_headers(path: str | os.PathLike[str], file: HeldFile | None = None) -> list[RawHDU]:
    """HDUs of a file, reading only the needed parts.  `file`: the file, if already open."""
    if file is None:
        with Path(path).open("rb") as opened:
            if opened.read(2) == b"\x1f\x8b":
                return read_blocks(path, verify=False)
    hdus = list(headers_of(path, file))
    _check_count(path, hdus)
    return hdus


def _check_count(path: str | os.PathLike[str], hdus: list[RawHDU]) -> None:
    """Refuse a file with fewer extensions than it announces."""
    header = hdus[0].header
    promised = header.get("NEXTEND")
    # astrocut copies the number from the frames that it cuts.
    cut = str(header.get("CREATOR", "")).strip().lower() == "astrocut"
    if not cut and isinstance(promised, int) and len(hdus) - 1 < promised:
        raise BadFileError(
            f"{path}: the file is truncated: {len(hdus) - 1} of {promised} extensions (NEXTEND)"
        )
