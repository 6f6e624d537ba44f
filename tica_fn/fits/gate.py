"""Checks before astropy reads a file: its structure must pass our own reader."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import xml.parsers.expat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from isal import igzip
from isal.igzip_lib import IsalError

from tica_fn.errors import BadFileError, one_line
from tica_fn.fits.blocks import content, read_blocks

__all__ = ["check_table", "open_checked"]


@contextmanager
def open_checked(path: str | os.PathLike[str], **options: Any) -> Iterator[Any]:
    """Open a FITS file with astropy after checking its headers."""
    from astropy.io import fits

    data = content(path)
    read_blocks(path, data, verify=False)
    with fits.open(io.BytesIO(data), memmap=False, **options) as hdus:
        yield hdus


def check_table(path: str | os.PathLike[str]) -> None:
    """Check a file before astropy reads it as a table.

    The headers of FITS files must be valid, a compressed file must not unpack to an excessive
    size, and XML must not take its data from elsewhere.
    """
    with Path(path).open("rb") as file:
        start = file.read(9)
    opened = next((how for magic, how in _PACKED.items() if start.startswith(magic)), None)
    if opened is None:
        if start == _FITS:
            read_blocks(path, verify=False)
        elif start.lstrip(_MARKS)[:1] == b"<":
            with Path(path).open("rb") as file:
                _check_xml(path, file)
        return
    try:
        with opened(path) as stream:
            start = stream.read(9)
            looked_at = start == _FITS or start.lstrip(_MARKS)[:1] == b"<"
            size, data = len(start), bytearray(start)
            while size <= _LARGEST and (piece := stream.read(_PIECE)):
                size += len(piece)
                data += piece if looked_at else b""
    except (EOFError, zlib.error, lzma.LZMAError, IsalError, OSError) as error:  # type: ignore[misc]
        if isinstance(error, BadFileError) or getattr(error, "errno", None) is not None:
            raise
        raise BadFileError(f"{path}: broken compressed file ({one_line(str(error))})") from error
    if size > _LARGEST:
        raise BadFileError(f"{path}: it unpacks to more than {_LARGEST >> 20} MiB")
    if start == _FITS:
        read_blocks(path, memoryview(data), verify=False)
    elif looked_at:
        _check_xml(path, io.BytesIO(data))


_FITS = b"SIMPLE  ="
_PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": igzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_MARKS = b" \t\r\n\xef\xbb\xbf\xff\xfe\x00"
"""Bytes that may come before the first letter: blanks and byte order marks."""
_LARGEST = 1 << 28
_PIECE = 1 << 22


def _check_xml(path: str | os.PathLike[str], stream: BinaryIO) -> None:
    """Refuse a VOTable whose values are in another file or on a server."""

    def begun(name: str, attributes: dict[str, str]) -> None:
        place = attributes.get("href")
        if name.split(":")[-1].upper() == "STREAM" and place is not None:
            raise BadFileError(
                f"{path}: its values are stored in {one_line(place)}, which is not read"
            )

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = begun
    with suppress(xml.parsers.expat.ExpatError):  # astropy reports what is wrong.
        parser.ParseFile(stream)
