"""Part files: unfinished downloads, which only one process at a time may write."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["append", "check_room", "exclusive", "restart"]


@contextmanager
def exclusive(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for appending, locked against other processes.

    The lock ends with the process, however that ends.
    """
    while True:
        with path.open("a+b", buffering=0) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            # Another process that held the lock may have renamed or deleted this file.
            try:
                current = os.stat(path).st_ino == os.fstat(stream.fileno()).st_ino  # noqa: PTH116
            except FileNotFoundError:
                current = False
            if current:
                yield stream
                return


def restart(part: IO[bytes]) -> int:
    """Empty a part file."""
    part.seek(0)
    part.truncate()
    return 0


def append(part: IO[bytes], piece: bytes) -> None:
    """Write all of a piece, unbuffered."""
    try:
        while piece:
            piece = piece[part.write(piece) :]
        part.flush()
    except OSError as error:
        raise _explained(error, part) from None


def check_room(part: IO[bytes], start: int, total: int | None) -> None:
    """Refuse a transfer that does not fit on the disk."""
    if total is None:
        return
    free = shutil.disk_usage(Path(part.name).parent).free
    if free < total - start:
        raise OSError(
            errno.ENOSPC, f"disk full: {total - start} bytes are needed, {free} are free", part.name
        )


def _explained(error: OSError, part: IO[bytes]) -> OSError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OSError(error.errno, "disk full; the part downloaded so far is kept", part.name)
    return OSError(error.errno, error.strerror, part.name)
