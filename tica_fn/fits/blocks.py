"""FITS files as bytes: read whole, split into HDUs, checked.

A file is read (and unpacked) once into memory and every sum that its headers promise is verified.
What is wrong with it is said in one line that names the file.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from tica_fn.errors import BadFileError
from tica_fn.fits.checksum import ALL_ONES, add_sums, sum_bytes
from tica_fn.fits.header import split_cards

__all__ = ["BLOCK", "Buffer", "RawHDU", "content", "crc32", "read_blocks", "verify_sums"]

BLOCK = 2880


class Buffer:
    """Memory that is used again for one file after the other."""

    def __init__(self) -> None:
        self._data = np.empty(0, dtype=np.uint8)

    def of_size(self, size: int) -> memoryview:
        """Give so many bytes; what they held before is lost."""
        if self._data.size < size:
            self._data = np.empty(size, dtype=np.uint8)
        return self._data[:size].data


@attrs.frozen(eq=False)
class RawHDU:
    """One header-data unit of a file."""

    text: str
    header: fits.Header
    data: memoryview


def content(path: str | os.PathLike[str], buffer: Buffer | None = None) -> memoryview:
    """Read a file, unpacked if it is gzipped."""
    if Path(path).is_fifo():
        raise BadFileError(f"{path}: a pipe, not a file")
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        view = (buffer or Buffer()).of_size(size)
        got = 0
        while got < size:
            count = file.readinto(view[got:])
            if not count:
                raise BadFileError(f"{path}: ended after {got} of {size} bytes")
            got += count
    if bytes(view[:2]) != b"\x1f\x8b":
        return view
    try:
        return memoryview(_unpack(view))
    except (OSError, EOFError, zlib.error, IsalError) as error:  # type: ignore[misc]
        raise BadFileError(f"{path}: broken gzip file ({error})") from error


def _unpack(data: memoryview) -> bytes:
    unpacked: bytes = igzip.decompress(data)  # type: ignore[no-untyped-call]
    return unpacked


def crc32(data: memoryview) -> str:
    """CRC-32 of some bytes."""
    return f"{isal_zlib.crc32(data):08x}"


def read_blocks(
    path: str | os.PathLike[str], data: memoryview | None = None, *, verify: bool = True
) -> list[RawHDU]:
    """Split a FITS file into HDUs and verify the checksums that it holds."""
    if data is None:
        data = content(path)
    if not len(data):
        raise BadFileError(f"{path}: the file is empty")
    if bytes(data[:9]) != b"SIMPLE  =":
        raise BadFileError(f"{path}: not a FITS file (it does not start with SIMPLE)")
    hdus: list[RawHDU] = []
    start = 0
    while start < len(data):
        if hdus and bytes(data[start : start + 8]) != b"XTENSION":
            break  # Bytes after the last HDU ("special records") are allowed, and not ours.
        hdu, stop = _read_hdu(path, data, start, len(hdus))
        hdus.append(hdu)
        start = stop
    promised = hdus[0].header.get("NEXTEND")
    if isinstance(promised, int) and len(hdus) - 1 < promised:
        raise BadFileError(
            f"{path}: the file is truncated: {len(hdus) - 1} of {promised} extensions (NEXTEND)"
        )
    if verify:
        verify_sums(path, hdus)
    return hdus


def verify_sums(
    path: str | os.PathLike[str], hdus: list[RawHDU], sums: dict[int, int] | None = None
) -> None:
    """Verify every CHECKSUM and DATASUM that a file holds."""
    for number, hdu in enumerate(hdus):
        if "DATASUM" not in hdu.header and "CHECKSUM" not in hdu.header:
            continue
        total = (sums or {}).get(number)
        if total is None:
            total = sum_bytes(hdu.data) if len(hdu.data) else 0
        _verify(f"{path}: HDU {number}", hdu, total)


def _read_hdu(
    path: str | os.PathLike[str], data: memoryview, start: int, number: int
) -> tuple[RawHDU, int]:
    where = f"{path}: HDU {number}"
    end = start
    while True:
        block = bytes(data[end : end + BLOCK])
        if len(block) < BLOCK:
            raise BadFileError(f"{where}: the file is truncated within the header")
        end += BLOCK
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, 80)):
            break
    try:
        text = bytes(data[start:end]).decode("ascii")
        header = fits.Header.fromstring("".join(card for _, card in split_cards(text)))
        size = -(-int(header.data_size) // BLOCK) * BLOCK
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, fits.VerifyError) as error:
        raise BadFileError(f"{where}: the header can't be read ({error})") from error
    stop = end + size
    if stop > len(data):
        raise BadFileError(
            f"{where}: the file is truncated: {len(data) - end} of {size} bytes of data"
        )
    return RawHDU(text=text, header=header, data=data[end:stop]), stop


def _verify(where: str, hdu: RawHDU, total: int) -> None:
    promised = str(hdu.header.get("DATASUM", "")).strip()
    if promised and (not promised.isdigit() or int(promised) != total):
        raise BadFileError(f"{where}: DATASUM is {promised}, the data sum up to {total}")
    if str(hdu.header.get("CHECKSUM", "")).strip():
        whole = add_sums(sum_bytes(hdu.text.encode("ascii")), total)
        if whole not in (ALL_ONES, 0):
            raise BadFileError(f"{where}: CHECKSUM is wrong; the file was changed or damaged")
