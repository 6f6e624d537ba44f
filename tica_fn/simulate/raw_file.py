"""Write simulated files: made in memory, then written completely or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.cards import card
from tica_fn.fits.gzipped import gzipped_whole
from tica_fn.fits.hdu_bytes import is_gzip_name
from tica_fn.frame import ADU, Frame

__all__ = ["Card", "check_counts", "fill_header", "save"]

Card = tuple[str, Any, str]
_LEVEL = 1


def fill_header(header: Any, cards: list[Card]) -> None:
    """Put cards into an astropy header, in place."""
    from astropy.io import fits

    for one in cards:
        keyword, text = card(*one)
        made = fits.Card.fromstring(text)
        if keyword in header:
            header[keyword] = (made.value, made.comment)
        else:
            header.append(made, end=True)


def save(hdus: Any, path: Path) -> Path:
    """Write a FITS file with checksums, gzipped if its name ends in ``.gz``."""
    memory = io.BytesIO()
    for hdu in hdus:
        # astropy's default comment holds the time, so the same frame would give different files.
        hdu.add_checksum(when="of this HDU")
    hdus.writeto(memory)
    content: Any = memory.getbuffer()
    if is_gzip_name(path):
        content = gzipped_whole(path, [content], _LEVEL)
    write_whole(path, [content])
    return path


def check_counts(frame: Frame) -> None:
    """Refuse a frame that is not raw counts."""
    if frame.unit != ADU or frame.pixels.dtype != np.int32:
        raise FrameError(
            f"a raw file holds int32 counts in adu, not {frame.pixels.dtype} in {frame.unit}; "
            "simulate with Instrument(digitize=True)"
        )
