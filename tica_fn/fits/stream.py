"""The short way from a raw full-frame image to its product: words of one file to words of another.

The pedestals and the smear come from a small frame that holds only the overclocks and the smear
rows; it goes through the very steps and checks of a whole frame.  Then one sweep reads the file's
words, calibrates, and fills the words of the product, with the checksums of both.  Buffers are
kept and used again, so that memory does not grow and fresh pages need not be made for each frame;
products are written from them past the system's page cache, where the file system lets it.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tica_fn.detector import COLUMNS, ROWS, SHAPE
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import BLOCK, RawHDU, verify_sums
from tica_fn.fits.checksum import add_sums, sum_bytes
from tica_fn.fits.hdu_bytes import Bytes, finished_header, is_gzip_name, packed
from tica_fn.fits.tica import has_comments_for_history, tica_header
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.stack import plan_of

__all__ = ["stream", "words_of"]

_SIZE = ROWS * COLUMNS * 4
_kept = threading.local()


def words_of(hdu: RawHDU) -> Array | None:
    """Counts of a whole readout as they stand in a file, or None if they are no plain integers.

    Gives (2078, 2136) big-endian int32.
    """
    header = hdu.header
    plain = header.get("BZERO", 0) == 0 and header.get("BSCALE", 1) == 1
    shape = (header["NAXIS"], header.get("NAXIS1"), header.get("NAXIS2"))
    if not plain or header["BITPIX"] != 32 or shape != (2, COLUMNS, ROWS):
        return None
    return np.frombuffer(hdu.data, dtype=">i4", count=ROWS * COLUMNS).reshape(SHAPE)


def stream(
    path: Path,
    hdus: list[RawHDU],
    place: int,
    steps: Pipeline,
    measured: Frame,
    target: Path,
    on_written: Callable[[], None] | None = None,
    look: Callable[[Frame, Array], None] | None = None,
) -> None:
    """Calibrate the counts of an HDU into a file of TICA's layout.

    `measured` is the frame's small part, calibrated.  The bytes written are those that
    `tica_fn.write` writes of the frame that the steps give.  `look` is shown the words of the
    product's pixels, (2078, 2136) uint32, which are not to be kept.
    """
    data = hdus[place].data
    words = np.frombuffer(data, dtype=np.uint32, count=ROWS * COLUMNS).reshape(SHAPE)
    cards = tica_header(measured, comments=has_comments_for_history(measured, target))
    start = len(finished_header(cards, datasum=0))
    file = _memory("file", start + -(-_SIZE // BLOCK) * BLOCK)
    out = file[start : start + _SIZE].view(np.uint32).reshape(SHAPE)
    read, written = plan_of(steps, measured).fill_file(words, measured.smear, out)
    verify_sums(path, hdus, {place: add_sums(read, sum_bytes(data[_SIZE:]))})
    if look is not None:
        look(measured, out)
    file[:start] = np.frombuffer(finished_header(cards, written), dtype=np.uint8)
    file[start + _SIZE :] = 0
    if is_gzip_name(target):
        file = _gathered(list(packed(target, file[:start].data, file[start:].data)))
    write_whole(target, [file.data], on_written)


def _gathered(parts: list[Bytes]) -> Array:
    """Parts of a packed file, in memory that can be written at once."""
    out = _memory("packed", sum(len(part) for part in parts))
    place = 0
    for part in parts:
        out[place : place + len(part)] = np.frombuffer(part, dtype=np.uint8)
        place += len(part)
    return out


def _memory(name: str, size: int) -> Array:
    """Memory that each thread keeps; it begins with a page, as writing past the cache wants."""
    memory: mmap.mmap | None = getattr(_kept, name, None)
    if memory is None or len(memory) < size:
        length = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        setattr(_kept, name, memory)
    return np.frombuffer(memory, dtype=np.uint8, count=size)
