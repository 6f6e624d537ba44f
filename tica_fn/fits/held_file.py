"""A file that is held open: replacing it under its name has no effect, and changes are noticed.

Files are read, never memory-mapped: if a mapped file is cut short, the process ends.
"""

from __future__ import annotations

import os
import weakref

from tica_fn.errors import BadFileError

__all__ = ["HeldFile"]

_MOST = 1 << 30
"""Largest read of one system call, in bytes."""


class HeldFile:
    """A file that is read piece by piece, and refused if another program changes it."""

    def __init__(self, path: str | os.PathLike[str], number: int | None = None) -> None:
        self.path = path
        self.number = os.open(path, os.O_RDONLY) if number is None else os.dup(number)
        weakref.finalize(self, os.close, self.number)
        self._state = self._now()
        self.size = self._state[0]

    def read(self, start: int, size: int) -> bytes:
        """Read `size` bytes at `start`, fewer at the end of the file."""
        parts = []
        while size > 0 and (part := os.pread(self.number, min(size, _MOST), start)):
            parts.append(part)
            start, size = start + len(part), size - len(part)
        if self._now() != self._state:
            raise BadFileError(f"{self.path}: was changed by another program while it was read")
        return b"".join(parts)

    def _now(self) -> tuple[int, int]:
        found = os.fstat(self.number)
        return found.st_size, found.st_mtime_ns
