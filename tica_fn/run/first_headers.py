"""Headers of a FITS file, read without its data."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from tica_fn.errors import BadFileError
from tica_fn.fits.cards import split_cards
from tica_fn.fits.header import Header
from tica_fn.fits.header_blocks import BLOCK
from tica_fn.fits.sizes import data_size

__all__ = ["first_headers"]


def first_headers(path: Path, count: int = 2) -> list[Header]:
    """Read the first headers of a file, plain or gzipped.

    The second header of a gzipped file is read only if it directly follows the first.
    """
    headers: list[Header] = []
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream: BinaryIO = file
            if packed:
                stream = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file)))
            while len(headers) < count:
                header = _next_header(path, stream, len(headers))
                if header is None:
                    break
                headers.append(header)
                where = f"{path}: HDU {len(headers) - 1}"
                size = -(-data_size(where, header) // BLOCK) * BLOCK
                if packed and size:
                    break
                stream.seek(size, 1)
    except (EOFError, zlib.error) as error:
        raise BadFileError(f"{path}: broken gzip file ({error})") from error
    except gzip.BadGzipFile as error:
        raise BadFileError(f"{path}: broken gzip file ({error})") from error
    return headers


def _next_header(path: Path, stream: BinaryIO, number: int) -> Header | None:
    text = b""
    while True:
        block = stream.read(BLOCK)
        if not block and not text and number:
            return None
        if not text and not block.startswith(b"XTENSION" if number else b"SIMPLE  ="):
            if number:
                return None
            raise BadFileError(f"{path}: not a FITS file (it does not start with SIMPLE)")
        if len(block) < BLOCK:
            raise BadFileError(f"{path}: HDU {number}: the file is truncated within the header")
        text += block
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, 80)):
            break
    try:
        return Header(split_cards(text.decode("ascii")))
    except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise BadFileError(f"{path}: HDU {number}: the header can't be read ({error})") from error
