"""Header-data units as stored in a file."""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.fits.header import Header
from tica_fn.fits.header_blocks import BLOCK
from tica_fn.fits.held_file import HeldFile
from tica_fn.fits.sizes import size_of
from tica_fn.immutable import Array

__all__ = ["RawHDU", "UnreadHDU"]


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
        """Bytes of the data, with padding."""
        return self._data

    @property
    def kind(self) -> np.dtype[Any]:
        """Type of the stored values, big-endian."""
        bitpix = int(self.header["BITPIX"])
        letter = "f" if bitpix < 0 else "u" if bitpix == 8 else "i"
        return np.dtype(f">{letter}{abs(bitpix) // 8}")

    def stored(self) -> Array:
        """Stored values of an image, big-endian, the header's last axis first."""
        shape = size_of("", self.header)
        return np.frombuffer(self.data, self.kind, count=int(np.prod(shape))).reshape(shape)

    @property
    def lossy(self) -> str:
        """How compression changed the values; empty if lossless."""
        return ""


class UnreadHDU(RawHDU):
    """One header-data unit whose data are read from the file when needed."""

    def __init__(
        self, text: str, header: Header, head: bytes, file: HeldFile, start: int, size: int
    ) -> None:
        super().__init__(text, header, memoryview(b""), head)
        self.start = start
        self._file = file
        self._size = size

    @property
    def data(self) -> memoryview:
        """Bytes of the data, with padding."""
        found = self.part(0, self._size)
        return memoryview(found + bytes(-len(found) % BLOCK))

    @property
    def stop(self) -> int:
        """End of the data in the file, with padding."""
        return self.start + -(-self._size // BLOCK) * BLOCK

    def part(self, start: int, size: int) -> bytes:
        """Read `size` bytes of the data at `start`."""
        if start + size > self._size:
            raise BadFileError(f"{self._file.path}: {size} bytes from {start} on of {self._size}")
        return self._file.read(self.start + start, size)
