"""Simulated files: made in memory, then written whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.frame import ADU, Frame

__all__ = ["Card", "check_counts", "fill_header", "save"]

Card = tuple[str, Any, str]

_ROOM = 80 - len("KEYWORD = ") - len(" / ")


def fill_header(header: Any, cards: list[Card]) -> None:
    """Put cards into a header, in place; comments are cut where a card has no room for them."""
    for keyword, value, comment in cards:
        written = len(f"{value}") + 2 if isinstance(value, str) else len(f"{value!r}")
        header[keyword] = (value, comment[: _ROOM - max(20, written)])


def save(hdus: Any, path: Path) -> Path:
    """Write a FITS file with checksums, packed where its name ends in ``.gz``."""
    memory = io.BytesIO()
    for hdu in hdus:
        # The usual comment tells the time: the same frame would give another file every time.
        hdu.add_checksum(when="of this HDU")
    hdus.writeto(memory)
    content: bytes | memoryview = memory.getbuffer()
    if path.suffix == ".gz":
        from isal import igzip

        content = igzip.compress(content, compresslevel=1, mtime=0)
    write_whole(path, [content])
    return path


def check_counts(frame: Frame) -> None:
    """Refuse a frame that a raw file can't hold."""
    if frame.unit != ADU or frame.pixels.dtype != np.int32:
        raise FrameError(
            f"a raw file holds whole counts, not {frame.pixels.dtype} in {frame.unit}; simulate "
            "with Instrument(digitize=True)"
        )
