"""Streaming a raw readout to its product: from the words of one file to those of another.

A small frame with only the overclocks and the smear rows goes through the same steps and checks as
a whole frame, which gives the values that the steps measure.  Then the readout is calibrated strip
by strip (`tica_fn.fits.strip_words`) into the words of the product, with the checksums of both.
Buffers are reused, so memory does not grow and no new pages are needed for each frame.  Products
are written from them with direct I/O, if the file system supports it.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import COLUMNS, ROWS, SHAPE
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import BLOCK, RawHDU
from tica_fn.fits.cards import Cards
from tica_fn.fits.extensions import flags_hdu, uncertainty_cards
from tica_fn.fits.gzipped import gzipped
from tica_fn.fits.hdu_bytes import Bytes, finished_header, image_structure, is_gzip_name
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.proof import check_readable
from tica_fn.fits.shared_variance import shared_hdu
from tica_fn.fits.spoc_cards import image_cards, primary_cards, spoc_uncertainty_cards
from tica_fn.fits.spoc_out import raw_header_hdu
from tica_fn.fits.stored import image_meaning
from tica_fn.fits.strip_words import RawReadout, fill_words
from tica_fn.fits.tica import has_comments_for_history, tica_header
from tica_fn.frame import Frame
from tica_fn.immutable import Array

__all__ = ["STREAMED_LAYOUTS", "Put", "stream", "words_of"]

Put = Callable[[Path, list[Bytes], Callable[[], None] | None], bool]
_SIZE = ROWS * COLUMNS * 4
_PADDED = -(-_SIZE // BLOCK) * BLOCK


def words_of(hdu: RawHDU) -> Array | None:
    """Stored counts of a full readout, or None if they are not plain 32-bit integers.

    Returns (2078, 2136) big-endian int32.
    """
    header = hdu.header
    plain = image_meaning("", header).plain and not hdu.lossy
    shape = (header["NAXIS"], header.get("NAXIS1"), header.get("NAXIS2"))
    if not plain or header["BITPIX"] != 32 or shape != (2, COLUMNS, ROWS):
        return None
    return np.frombuffer(hdu.data, dtype=">i4", count=ROWS * COLUMNS).reshape(SHAPE)


def stream(
    readout: RawReadout,
    layout: str,
    target: Path,
    verify: Callable[[int], None],
    on_written: Callable[[], None] | None = None,
    look: Callable[[Frame, Array], None] | None = None,
    put: Put | None = None,
) -> None:
    """Calibrate a readout into a file.

    `verify` is called with the sum of the words read.  The bytes written equal those of
    `tica_fn.write` for the calibrated frame.  `look` is called with the words of the product's
    pixels, (2078, 2136) uint32, in a buffer that is reused later.  `put` may write the file in
    another form: it is called with the target, its uncompressed content, and `on_written`, and
    returns whether it wrote the file.
    """
    with ExitStack() as kept, ExitStack() as passing:
        frame = attrs.evolve(readout.frame, row=0, column=0, collateral=())
        lead, planes = STREAMED_LAYOUTS[layout](readout, frame, target)
        heads = [len(finished_header(cards, datasum=0)) for cards in planes]
        file = passing.enter_context(_memory("file", len(lead) + sum(heads) + len(heads) * _PADDED))
        file[: len(lead)] = np.frombuffer(lead, dtype=np.uint8)
        starts = [len(lead) + sum(heads[: k + 1]) + k * _PADDED for k in range(len(heads))]
        words = [file[start : start + _SIZE].view(np.uint32).reshape(SHAPE) for start in starts]
        quality = None
        if readout.flags is not None:
            room = passing.enter_context(_memory("quality", _SIZE))
            quality = room.view(np.int32).reshape(SHAPE)
        read, sums = fill_words(readout, words, quality)
        verify(read)
        if look is not None:
            look(frame, words[0])
        for cards, start, size, total in zip(planes, starts, heads, sums, strict=True):
            file[start - size : start] = np.frombuffer(
                finished_header(cards, total), dtype=np.uint8
            )
            file[start + _SIZE : start + _PADDED] = 0
        rest: list[Bytes] = []
        if quality is not None:
            rest.append(flags_hdu(frame, quality))
        if layout == "spoc" and isinstance(frame.header, OriginalHeader):
            rest += raw_header_hdu(frame.header)
        rest += shared_hdu(frame)
        parts: list[Bytes] = [file.data, *rest]
        check_readable(target, parts)
        if put is not None and put(target, parts, on_written):
            return
        if is_gzip_name(target):
            parts = [gzipped(parts, lambda size: kept.enter_context(_memory("packed", size)))]
            passing.close()  # Other threads may use the buffer while this one waits for the disk.
        write_whole(target, parts, on_written)


def _tica(readout: RawReadout, frame: Frame, target: Path) -> tuple[bytes, list[Cards]]:
    """Bytes before the planes, and the cards of each plane, in TICA's layout."""
    planes = [tica_header(frame, comments=has_comments_for_history(frame, target))]
    if readout.variance is not None and not readout.of_rounded:
        structure = image_structure(SHAPE, "f", extension=True)
        planes.append([*structure, *uncertainty_cards(frame)])
    return b"", planes


def _spoc(readout: RawReadout, frame: Frame, _: Path) -> tuple[bytes, list[Cards]]:
    """The same in SPOC's layout."""
    count = 2 + (readout.flags is not None) + isinstance(frame.header, OriginalHeader)
    count += bool(shared_hdu(frame))
    structure = image_structure(SHAPE, "f", extension=True)
    planes = [image_cards(frame), spoc_uncertainty_cards(frame)]
    lead = finished_header(primary_cards(frame, count), 0)
    return lead, [[*structure, *cards] for cards in planes]


STREAMED_LAYOUTS: dict[str, Callable[[RawReadout, Frame, Path], tuple[bytes, list[Cards]]]] = {
    "tica": _tica,
    "spoc": _spoc,
}
"""Functions for the headers of the layouts that can be streamed."""


_free: dict[str, list[mmap.mmap]] = {}
_lock = threading.Lock()


@contextmanager
def _memory(name: str, size: int) -> Iterator[Array]:
    """Page-aligned memory, as direct I/O needs; released memory is reused."""
    with _lock:
        free = _free.setdefault(name, [])
        memory = free.pop() if free else None
    if memory is None or len(memory) < size:
        length = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        yield np.frombuffer(memory, dtype=np.uint8, count=size)
    finally:
        with _lock:
            free.append(memory)
