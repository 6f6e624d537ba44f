"""DEFLATE streams by ISA-L that depend on nothing but the data.

Source: RFC 1951 and 1952.
"""

from __future__ import annotations

from collections.abc import Iterator

from isal import isal_zlib

__all__ = ["GZIP", "RAW", "deflated"]

GZIP = 16 + 15
"""One gzip member, without time or name, with the largest window."""
RAW = -15
"""A bare DEFLATE stream, with the largest window."""
_FIRST = 4
_MEMORY = 9


def deflated(
    data: memoryview | bytes, wbits: int, end: int = isal_zlib.Z_FINISH, level: int = 1
) -> Iterator[bytes]:
    """Compress data, given as contiguous memory, and yield the pieces of one stream.

    ISA-L's code for the bulk of a stream (2.31, 2.32) takes the third hash of a fresh one from the
    place of the stream in memory instead of the data; once in some thousand streams a match is
    found or missed by that.  Its code for the end of a stream has no such fault, so it is given the
    first bytes, as a block of their own of about seven bytes.
    """
    view = memoryview(data).cast("B")
    packer = isal_zlib.compressobj(level=level, wbits=wbits, memLevel=_MEMORY)
    yield packer.compress(view[:_FIRST])
    yield packer.flush(isal_zlib.Z_SYNC_FLUSH)
    yield packer.compress(view[_FIRST:])
    yield packer.flush(end)
