"""FITS files as bytes: read whole, split into HDUs, checked.

A file is read (and unpacked) once into memory and every sum that its headers promise is verified.
Sizes are believed only as far as `tica_fn.fits.sizes` and the file's own length allow.  What is
wrong with it is said in one line that names the file.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip, isal_zlib
from isal.igzip_lib import IsalError

from tica_fn.errors import BadFileError, one_line, tell_note
from tica_fn.fits.checksum import ALL_ONES, add_sums, sum_bytes
from tica_fn.fits.header import CARD, Header, split_cards
from tica_fn.fits.held_file import HeldFile
from tica_fn.fits.sizes import check_structure, data_size, size_of
from tica_fn.immutable import Array

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

BLOCK = 2880
_END = b"END".ljust(CARD)
_LONGEST_HEADER = 100 * BLOCK
_MOST_HDUS = 1000
_SLACK = 1 << 20
"""Bytes that may follow the last HDU of a packed file."""
_LARGEST = 1 << 30
"""Bytes of a gzipped file, unpacked: more is not read into memory."""
_LARGE = 1 << 28
"""Bytes of a plain file from which on its headers are read first."""
_BEST_PACKING = 1032
"""No gzipped file is longer than so many times what it takes packed."""
_PIECE = 1 << 22


class Buffer:
    """Memory that is used again for one file after the other."""

    def __init__(self) -> None:
        self._data = np.empty(0, dtype=np.uint8)

    def of_size(self, size: int) -> memoryview:
        """Give so many bytes; what they held before is lost."""
        if self._data.size < size:
            self._data = np.empty(size, dtype=np.uint8)
        return self._data[:size].data


class RawHDU:
    """One header-data unit of a file."""

    def __init__(
        self, text: str, header: Header, data: memoryview, head: bytes | None = None
    ) -> None:
        self.text = text
        self.header = header
        self.head = text.encode("ascii") if head is None else head
        self._data = data

    @property
    def data(self) -> memoryview:
        """Bytes of the data, with their padding."""
        return self._data

    @property
    def kind(self) -> np.dtype[Any]:
        """Type of the stored values, big-endian."""
        bitpix = int(self.header["BITPIX"])
        letter = "f" if bitpix < 0 else "u" if bitpix == 8 else "i"
        return np.dtype(f">{letter}{abs(bitpix) // 8}")

    def stored(self) -> Array:
        """Values of an image as they are stored, big-endian, the last axis of the header first."""
        shape = size_of("", self.header)
        return np.frombuffer(self.data, self.kind, count=int(np.prod(shape))).reshape(shape)

    @property
    def lossy(self) -> str:
        """How packing changed the values; empty where it did not."""
        return ""


def content(path: str | os.PathLike[str], buffer: Buffer | None = None) -> memoryview:
    """Read a file, unpacked if it is gzipped."""
    if Path(path).is_fifo():
        raise BadFileError(f"{path}: a pipe, not a file")
    with Path(path).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(2) == b"\x1f\x8b":
            return _unpacked(path, size)
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


def _unpacked(path: str | os.PathLike[str], size: int) -> memoryview:
    """Unpack a gzipped file into memory."""
    data = bytearray()
    for piece in pieces_of_gzip(path, min(_LARGEST, _BEST_PACKING * size + BLOCK)):
        data += piece
    return memoryview(data).toreadonly()


def pieces_of_gzip(path: str | os.PathLike[str], most: int) -> Iterator[bytes]:
    """Unpack a gzipped file piece by piece, no further than its headers say it goes, nor `most`."""
    walk = _Walk(path, most)
    try:
        with igzip.open(path, "rb") as stream:  # type: ignore[no-untyped-call]
            while piece := stream.read(min(_PIECE, walk.left + _SLACK)):
                walk.feed(piece)
                yield piece
    except (EOFError, zlib.error, IsalError) as error:  # type: ignore[misc]
        raise BadFileError(f"{path}: broken gzip file ({error})") from error
    except OSError as error:
        if isinstance(error, BadFileError) or error.errno is not None:
            raise
        raise BadFileError(f"{path}: broken gzip file ({error})") from error


class _Walk:
    """Follows the headers of a file that comes piece by piece, and stops where it is too long."""

    def __init__(self, path: str | os.PathLike[str], most: int) -> None:
        self.path = path
        self.most = most
        self._passed = 0  # Bytes that came.
        self._known = 0  # Bytes that the headers read so far promise.
        self._head = bytearray()  # What came behind those.
        self._count = 0
        self._ended = False

    @property
    def left(self) -> int:
        """Bytes that are promised and did not come yet."""
        return max(self._known - self._passed, 0)

    def feed(self, piece: bytes) -> None:
        """Take the next piece."""
        skipped = self.left
        self._passed += len(piece)
        self._head += piece[skipped:]
        while not self._ended and self._head:
            stop = self._promised()
            if stop is None:
                break
            if stop > self.most:
                raise BadFileError(
                    f"{self.path}: HDU {self._count}: the headers promise {stop} bytes, more than "
                    "the file can hold, or than is read packed"
                )
            del self._head[: stop - self._known]
            self._known, self._count = stop, self._count + 1
        if len(self._head) > max(_SLACK, _LONGEST_HEADER):
            raise BadFileError(
                f"{self.path}: it unpacks to more than the {self._known} bytes that its headers say"
            )

    def _promised(self) -> int | None:
        """Where the HDU that begins next ends: None if it can't be told yet."""
        begins = b"XTENSION" if self._count else b"SIMPLE  ="
        if len(self._head) < BLOCK:
            return None
        if self._head[: len(begins)] != begins:
            self._ended = True
            return None
        if self._count >= _MOST_HDUS:
            raise BadFileError(f"{self.path}: more than {_MOST_HDUS} HDUs")
        where = f"{self.path}: HDU {self._count}"
        stop = _end_of_header(where, memoryview(bytes(self._head[:_LONGEST_HEADER])), 0)
        if stop is None:
            return None
        header, _ = _header(where, bytes(self._head[:stop]))
        size = data_size(where, header)
        check_structure(where, header)
        return self._known + stop + -(-size // BLOCK) * BLOCK


def crc32(data: memoryview) -> str:
    """CRC-32 of some bytes."""
    return f"{isal_zlib.crc32(data):08x}"


def read_blocks(
    path: str | os.PathLike[str], data: memoryview | None = None, *, verify: bool = True
) -> list[RawHDU]:
    """Split a FITS file into HDUs and verify the checksums that it holds."""
    if data is None:
        data = content(path)
    hdus: list[RawHDU] = []
    start = 0
    while start < len(data) or not hdus:
        if not _begins(path, bytes(data[start : start + 9]), len(hdus)):
            break
        hdu, start = _read_hdu(path, data, start, len(hdus))
        hdus.append(hdu)
    _check_count(path, hdus)
    if verify:
        verify_sums(path, hdus)
    return hdus


class UnreadHDU(RawHDU):
    """One header-data unit, whose data are read from the file when they are asked for."""

    def __init__(
        self, text: str, header: Header, head: bytes, file: HeldFile, start: int, size: int
    ) -> None:
        super().__init__(text, header, memoryview(b""), head)
        self.start = start
        self._file = file
        self._size = size

    @property
    def data(self) -> memoryview:
        """Bytes of the data, with their padding."""
        found = self.part(0, self._size)
        return memoryview(found + bytes(-len(found) % BLOCK))

    @property
    def stop(self) -> int:
        """Where the data end in the file, with their padding."""
        return self.start + -(-self._size // BLOCK) * BLOCK

    def part(self, start: int, size: int) -> bytes:
        """Some bytes of the data."""
        if start + size > self._size:
            raise BadFileError(f"{self._file.path}: {size} bytes from {start} on of {self._size}")
        return self._file.read(self.start + start, size)


class _Unpacking:
    """The same of a gzipped file, of which only the way ahead can be read."""

    def __init__(self, path: str | os.PathLike[str], most: int) -> None:
        self._pieces = pieces_of_gzip(path, most)
        self._start = 0
        self._held = bytearray()

    def read(self, start: int, size: int) -> bytes:
        while len(self._held) < start + size - self._start:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
            gone = min(start - self._start, len(self._held))
            del self._held[:gone]
            self._start += gone
        return bytes(self._held[start - self._start : start - self._start + size])


def headers_of(path: str | os.PathLike[str], file: HeldFile | None = None) -> Iterator[RawHDU]:
    """HDUs of a file one by one, of which no more is read than is looked at.

    Data can be asked for where the file is plain.  `file`: one that is open.
    """
    if Path(path).is_fifo():
        raise BadFileError(f"{path}: a pipe, not a file")
    file = file or HeldFile(path)
    size = file.size
    plain = file.read(0, 2) != b"\x1f\x8b"
    if not plain:
        size = min(_LARGEST, _BEST_PACKING * size + BLOCK)
    source = file if plain else _Unpacking(path, size)
    start = number = 0
    while start < size or not number:
        where = f"{path}: HDU {number}"
        head = source.read(start, 16 * BLOCK)
        if not _begins(path, head, number):
            return
        while (stop := _end_of_header(where, memoryview(head), 0)) is None:
            more = source.read(start, len(head) + 16 * BLOCK)
            if len(more) == len(head):
                raise BadFileError(f"{where}: the file is truncated within the header")
            head = more
        header, text = _header(where, head[:stop])
        length = _checked_size(where, header, size - start - stop)
        if plain:
            _check_data(where, memoryview(file.read(start + stop, min(length, BLOCK))))
            yield UnreadHDU(text, header, head[:stop], file, start + stop, length)
        else:
            yield RawHDU(text, header, memoryview(b""), head[:stop])
        start += stop + -(-length // BLOCK) * BLOCK
        number += 1
    if plain and size > start + _LARGE:
        raise BadFileError(f"{path}: {size} bytes, of which its headers explain {start}")


def read_headers(path: str | os.PathLike[str], file: HeldFile | None = None) -> list[RawHDU]:
    """HDUs of a file, of which no more is read than is looked at.  `file`: one that is open."""
    if file is None:
        with Path(path).open("rb") as opened:
            if opened.read(2) == b"\x1f\x8b":
                return read_blocks(path, verify=False)
    hdus = list(headers_of(path, file))
    _check_count(path, hdus)
    return hdus


def _begins(path: str | os.PathLike[str], head: bytes, number: int) -> bool:
    """Tell whether an HDU begins here; bytes after the last one are allowed, and not ours."""
    if number:
        if head[:8] != b"XTENSION":
            return False
        if number >= _MOST_HDUS:
            raise BadFileError(f"{path}: more than {_MOST_HDUS} HDUs")
        return True
    if not head:
        raise BadFileError(f"{path}: the file is empty")
    if head[:9] != b"SIMPLE  =":
        raise BadFileError(f"{path}: not a FITS file (it does not start with SIMPLE)")
    return True


def _checked_size(where: str, header: Header, left: int) -> int:
    """Bytes of an HDU's data, which must be there."""
    try:
        size = data_size(where, header)
        check_structure(where, header)
    except (ValueError, KeyError, TypeError) as error:
        raise BadFileError(f"{where}: the header can't be read ({one_line(str(error))})") from error
    if size > left:
        raise BadFileError(f"{where}: the file is truncated: {left} of {size} bytes of data")
    return size


def _check_count(path: str | os.PathLike[str], hdus: list[RawHDU]) -> None:
    """Refuse a file that ends before the extensions that it promises."""
    header = hdus[0].header
    promised = header.get("NEXTEND")
    # astrocut takes the number over from the frames that it cuts.
    cut = str(header.get("CREATOR", "")).strip().lower() == "astrocut"
    if not cut and isinstance(promised, int) and len(hdus) - 1 < promised:
        raise BadFileError(
            f"{path}: the file is truncated: {len(hdus) - 1} of {promised} extensions (NEXTEND)"
        )


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


def _end_of_header(where: str, data: memoryview, start: int) -> int | None:
    """Where a header ends; None where the data end before it does."""
    end = start
    while True:
        block = bytes(data[end : end + BLOCK])
        if len(block) < BLOCK:
            return None
        end += BLOCK
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, CARD)):
            return end
        if end - start > _LONGEST_HEADER:
            raise BadFileError(f"{where}: the header has no end (no END card)")


def _header(where: str, raw: bytes) -> tuple[Header, str]:
    """Header and its text; what is not ASCII is a question mark in both."""
    text = raw.decode("ascii", errors="replace").replace("\ufffd", "?")
    _check_rest(where, text)
    try:
        header = Header(split_cards(text))
    except (ValueError, KeyError, TypeError) as error:
        raise BadFileError(f"{where}: the header can't be read ({one_line(str(error))})") from error
    return header, text


def _check_rest(where: str, text: str) -> None:
    """Refuse cards behind the END card, which others would take for the header's."""
    last = text[-BLOCK:]
    places = range(0, len(last), CARD)
    end = next((i for i in places if last[i : i + 8] == "END     "), len(last))
    if last[end + CARD :].strip(" \0"):
        raise BadFileError(f"{where}: the header goes on behind its END card")


def _check_data(where: str, start: memoryview) -> None:
    """Refuse what is the rest of a header, in place of an HDU's first block of data."""
    block = bytes(start[:BLOCK])
    if block.isascii() and any(block[i : i + CARD] == _END for i in range(0, len(block), CARD)):
        text = block.decode("ascii")
        if text.isprintable() and not text.startswith("XTENSION"):
            raise BadFileError(f"{where}: the header goes on behind its END card")


def _read_hdu(
    path: str | os.PathLike[str], data: memoryview, start: int, number: int
) -> tuple[RawHDU, int]:
    where = f"{path}: HDU {number}"
    end = _end_of_header(where, data, start)
    if end is None:
        raise BadFileError(f"{where}: the file is truncated within the header")
    raw = bytes(data[start:end])
    header, text = _header(where, raw)
    if not raw.isascii():
        tell_note(f"{where}: letters that are not ASCII in the header are read as '?'")
    size = _checked_size(where, header, len(data) - end)
    stop = end + -(-size // BLOCK) * BLOCK
    part = data[end:stop]
    _check_data(where, part)
    if len(part) < stop - end:
        tell_note(
            f"{where}: the last block is not filled up, {stop - end - len(part)} bytes are missing"
        )
        part = memoryview(bytes(part) + bytes(stop - end - len(part)))
    return RawHDU(text, header, part, raw), stop


def _verify(where: str, hdu: RawHDU, total: int) -> None:
    promised = str(hdu.header.get("DATASUM", "")).strip()
    if _keeps_raw_sums(hdu.header):
        if promised.isdigit() and int(promised) != total:
            tell_note(
                f"{where}: its DATASUM is the raw file's, as TICA leaves it; it was not verified"
            )
            return
    elif promised and (not promised.isdigit() or int(promised) != total):
        raise BadFileError(f"{where}: DATASUM is {promised}, the data sum up to {total}")
    if str(hdu.header.get("CHECKSUM", "")).strip():
        whole = add_sums(sum_bytes(hdu.head), total)
        if whole not in (ALL_ONES, 0):
            raise BadFileError(f"{where}: CHECKSUM is wrong; the file was changed or damaged")


def _keeps_raw_sums(header: Header) -> bool:
    """Tell a product of TICA itself, which takes the raw header over with its sums."""
    version = str(header.get("TICAVER", "")).strip()
    made = bool(version) and not version.startswith("tica-fn")
    split = "CCDNUM" in header and str(header.get("UNITS", "")).strip().upper() == "ADU"
    return (
        made
        or split
        or any("calibration applied at" in str(line) for line in header.get("COMMENT", ()))
    )
