"""Decompression of gzipped files piece by piece, only as far as their headers say."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

from isal import igzip
from isal.igzip_lib import IsalError

from tica_fn.errors import BadFileError
from tica_fn.fits.header_blocks import (
    BLOCK,
    LONGEST_HEADER,
    MOST_HDUS,
    end_of_header,
    read_header,
)
from tica_fn.fits.sizes import check_structure, data_size

__all__ = ["Unpacking", "most_unpacked", "pieces_of_gzip", "unpacked"]

_SLACK = 1 << 20
"""Bytes that may follow the last HDU of a gzipped file."""
_LARGEST = 1 << 30
"""Largest decompressed size that is read into memory, bytes."""
_BEST_PACKING = 1032
"""Largest possible ratio of uncompressed to gzipped size."""
_PIECE = 1 << 22


def most_unpacked(size: int) -> int:
    """Largest accepted decompressed size of a gzipped file of `size` bytes."""
    return min(_LARGEST, _BEST_PACKING * size + BLOCK)


def unpacked(path: str | os.PathLike[str], size: int) -> memoryview:
    """Decompress a gzipped file into memory."""
    data = bytearray()
    for piece in pieces_of_gzip(path, most_unpacked(size)):
        data += piece
    return memoryview(data).toreadonly()


def pieces_of_gzip(path: str | os.PathLike[str], most: int) -> Iterator[bytes]:
    """Decompress a gzipped file piece by piece, up to the end of its HDUs, at most `most` bytes."""
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
    """Follows the headers of a file that comes in pieces, and refuses one that is too long."""

    def __init__(self, path: str | os.PathLike[str], most: int) -> None:
        self.path = path
        self.most = most
        self._passed = 0  # Bytes received.
        self._known = 0  # Bytes announced by the headers read so far.
        self._head = bytearray()  # Bytes received after those.
        self._count = 0
        self._ended = False

    @property
    def left(self) -> int:
        """Announced bytes that were not received yet."""
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
                    f"{self.path}: HDU {self._count}: the headers announce {stop} bytes, more than "
                    "the file can contain, or more than is read from a gzipped file"
                )
            del self._head[: stop - self._known]
            self._known, self._count = stop, self._count + 1
        if len(self._head) > max(_SLACK, LONGEST_HEADER):
            raise BadFileError(
                f"{self.path}: it unpacks to more than the {self._known} bytes that its headers say"
            )

    def _promised(self) -> int | None:
        """End of the next HDU, or None if it is not known yet."""
        begins = b"XTENSION" if self._count else b"SIMPLE  ="
        if len(self._head) < BLOCK:
            return None
        if self._head[: len(begins)] != begins:
            self._ended = True
            return None
        if self._count >= MOST_HDUS:
            raise BadFileError(f"{self.path}: more than {MOST_HDUS} HDUs")
        where = f"{self.path}: HDU {self._count}"
        stop = end_of_header(where, memoryview(bytes(self._head[:LONGEST_HEADER])), 0)
        if stop is None:
            return None
        header, _ = read_header(where, bytes(self._head[:stop]))
        size = data_size(where, header)
        check_structure(where, header)
        return self._known + stop + -(-size // BLOCK) * BLOCK


class Unpacking:
    """A gzipped file that is read like a `HeldFile`, but only forwards."""

    def __init__(self, path: str | os.PathLike[str], most: int) -> None:
        self._pieces = pieces_of_gzip(path, most)
        self._start = 0
        self._held = bytearray()

    def read(self, start: int, size: int) -> bytes:
        """Read `size` bytes at `start`, fewer at the end of the file."""
        while len(self._held) < start + size - self._start:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
            gone = min(start - self._start, len(self._held))
            del self._held[:gone]
            self._start += gone
        return bytes(self._held[start - self._start : start - self._start + size])
