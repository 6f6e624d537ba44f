"""The way to astropy's reading: only for files whose structure our own reader believes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tica_fn.fits.blocks import content, read_blocks

__all__ = ["check_if_fits", "open_checked"]


@contextmanager
def open_checked(path: str | os.PathLike[str], **options: Any) -> Iterator[Any]:
    """Open a FITS file with astropy, once its headers are checked."""
    from astropy.io import fits

    data = content(path)
    read_blocks(path, data, verify=False)
    with fits.open(io.BytesIO(data), memmap=False, **options) as hdus:
        yield hdus


def check_if_fits(path: str | os.PathLike[str]) -> None:
    """Check the headers of a file if it is a FITS file, plain or gzipped."""
    with Path(path).open("rb") as file:
        start = file.read(9)
    if start == b"SIMPLE  =" or (start[:2] == b"\x1f\x8b" and ".fit" in Path(path).name):
        read_blocks(path, verify=False)
