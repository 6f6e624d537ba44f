"""Strips of a raw readout as the words of its product: pixels, standard deviations and flags.

While a strip is in the processor's cache, it is calibrated, its variance is computed, both are
rounded into the words of the file, and its pixels are flagged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
)
from tica_fn.fits.checksum import add_sums
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.big_endian import errors_to_file, reals_to_file
from tica_fn.kernels.flags import count_faint
from tica_fn.pipeline.strips import STRIP_ROWS, Strips

if TYPE_CHECKING:
    from tica_fn.quality.flag_plan import FlagPlan
    from tica_fn.uncertainty.estimate_variance import VariancePlan

__all__ = ["RawReadout", "UnusualFrameError", "fill_words", "frame_of"]

_HALO = 2
"""Rows kept from the previous strip: one still to be flagged, and its neighbour."""
_ROW_STEP = 4
_SURELY_DARK = 900.0
"""Electrons per second, below a bright sky."""
_MOST = 0.6
"""Fraction of an amplifier's pixels that is dark in a normal frame."""

_PART_COLUMNS, _DARK_OF_A_PART, _GLOW_PARTS = 32, 0.5, 3
"""Columns of a part of a strip; the fraction of it that is dark without scattered light; and the
number of bright parts in an amplifier from which there may be a glow."""

_NO_SMEAR = 1e5
"""Electrons per read above any smear; a saturated pixel has more."""


class UnusualFrameError(Exception):
    """The frame may be unusual as a whole and must be calibrated whole."""


@attrs.frozen(eq=False, kw_only=True)
class RawReadout:
    """A raw readout and all that is done to its pixels.

    `counts`: (2078, 2136) int32, or uint32 words of a file.  `frame`: all other fields of the
    product; its pixels are only a part of the readout.  `variance` and `flags`: their plans, if
    needed.  `of_rounded`: the variance is of the rounded pixels and is used for flags only.
    `flat`: (2078, 2136) float32 or (1, 2136), the divisor of the pixels, if unusual frames must be
    detected.
    """

    counts: Array
    strips: Strips
    frame: Frame
    variance: VariancePlan | None = None
    of_rounded: bool = False
    flags: FlagPlan | None = None
    flat: Array | None = None


def fill_words(
    readout: RawReadout, words: list[Array], quality: Array | None
) -> tuple[int, list[int]]:
    """Fill the words of the planes, and the flags; return the sums of the words read and written.

    `words`: (2078, 2136) uint32 each; `quality`: (2078, 2136) int32.
    """
    plain = readout.strips.plain
    if plain is not None and len(words) == 1 and quality is None and readout.flat is None:
        read, written = plain.sweep_rows(0, readout.counts, words[0])
        return read, [written]
    sums = [0] * len(words)

    def take(first: int, last: int, strip: Array, pixels: Array, variance: Array) -> None:
        written = int(reals_to_file(strip, pixels, words[0][first:last]))
        sums[0] = add_sums(sums[0], written)
        if len(words) > 1:
            written = int(errors_to_file(variance, words[1][first:last]))
            sums[1] = add_sums(sums[1], written)

    return _run(readout, take, quality), sums


def frame_of(readout: RawReadout) -> tuple[Frame, int]:
    """Make a calibrated float32 frame strip by strip; also return the sum of the words read."""
    pixels = np.empty(readout.counts.shape, dtype=np.float32)
    variance = quality = None
    if readout.variance is not None and not readout.of_rounded:
        variance = np.empty_like(pixels)
    if readout.flags is not None:
        quality = np.empty(pixels.shape, dtype=np.int32)

    def take(first: int, last: int, strip: Array, of_strip: Array, spread: Array) -> None:
        of_strip[:] = strip
        pixels[first:last] = of_strip
        if variance is not None:
            variance[first:last] = spread

    read = _run(readout, take, quality)
    frame = attrs.evolve(readout.frame, row=0, column=0, collateral=())
    for array in (pixels, variance, quality):
        if array is not None:
            freeze(array)
    return attrs.evolve(frame, pixels=pixels, variance=variance, quality=quality), read


Take = Callable[[int, int, Array, Array, Array], None]


def _run(readout: RawReadout, take: Take, quality: Array | None) -> int:
    """Calibrate strip after strip; the sum of the words read.

    `take` gets the first row, one past the last, the strip, an array to fill with its float32
    pixels, and its variance.
    """
    read = 0
    at_hand = _AtHand(readout)
    for first, last, strip, total in readout.strips.all_of(readout.counts):
        read = add_sums(read, total)
        rows = slice(_HALO, _HALO + last - first)
        pixels, variance = at_hand.pixels[rows], at_hand.variance[rows]
        if readout.variance is not None and not readout.of_rounded:
            readout.variance.fill(strip, first, variance)
        take(first, last, strip, pixels, variance)
        if readout.variance is not None and readout.of_rounded:
            readout.variance.fill(freeze(pixels.view()), first, variance)
        at_hand.look(first, last, quality)
    at_hand.refuse_unusual()
    if quality is not None and at_hand.flags is not None:
        at_hand.flags.finish(quality)
    return read


class _AtHand:
    """The current strip, after the last rows of the previous one."""

    def __init__(self, readout: RawReadout) -> None:
        self.readout = readout
        self.flags = None if readout.flags is None else readout.flags.begun_anew()
        self.pixels = np.empty((STRIP_ROWS + _HALO, COLUMNS), dtype=np.float32)
        self.variance = np.empty_like(self.pixels)
        strips, parts = -(-ROWS // STRIP_ROWS), len(AMPLIFIERS) * AMPLIFIER_COLUMNS // _PART_COLUMNS
        self._dark = np.zeros((strips, parts), dtype=np.int64)
        self._looked_at = np.zeros((strips, 1), dtype=np.int64)

    def look(self, first: int, last: int, quality: Array | None) -> None:
        """Check the strip's pixels, and flag those whose neighbours are available."""
        if self.readout.flat is not None:
            self._count_dark(self.readout.flat, first, last)
        if quality is None or self.flags is None:
            return
        # All but the last row (unless it is the frame's last), and the previous strip's last row.
        before, after = int(first > 0), int(last < ROWS)
        here = slice(0 if before else _HALO, _HALO + last - first)
        pixels, variance = self.pixels[here], self.variance[here]
        own = slice(first - before, last - after)
        self.flags.fill(freeze(pixels), freeze(variance), own.start, quality[own], (before, after))
        kept = slice(last - first, last - first + _HALO)
        self.pixels[:_HALO], self.variance[:_HALO] = self.pixels[kept], self.variance[kept]

    def _count_dark(self, flat: Array, first: int, last: int) -> None:
        """Count, in every fourth row, pixels that are surely neither bright sky nor saturated."""
        rows = range(first + -first % _ROW_STEP, min(last, SCIENCE_ROWS[1]), _ROW_STEP)
        if not rows:
            return
        frame = self.readout.frame
        count_faint(
            self.pixels[rows[0] - first + _HALO : rows[-1] + 1 - first + _HALO],
            flat if len(flat) == 1 else flat[rows[0] : rows[-1] + 1],
            1.0 if frame.unit == RATE else frame.live_s,
            SCIENCE_COLUMNS[0],
            _ROW_STEP,
            _SURELY_DARK,
            self._dark[first // STRIP_ROWS],
        )
        self._looked_at[first // STRIP_ROWS] = len(rows)

    def refuse_unusual(self) -> None:
        """Refuse a frame of which a flag may have to be said as a whole."""
        if self.readout.flat is None:
            return
        frame = self.readout.frame
        known = frame.pedestals is not None and bool(np.isfinite(frame.pedestals).all())
        if frame.smear is not None:
            known = known and bool((frame.smear < _NO_SMEAR * frame.coadds).all())
        bright = self._dark < _DARK_OF_A_PART * _PART_COLUMNS * self._looked_at
        by_amplifier = (-1, len(AMPLIFIERS), self._dark.shape[1] // len(AMPLIFIERS))
        lit = bright.reshape(by_amplifier).sum(axis=(0, 2)) >= _GLOW_PARTS
        dark = self._dark.reshape(by_amplifier).sum(axis=(0, 2))
        most = _MOST * AMPLIFIER_COLUMNS * self._looked_at.sum()
        if not known or lit.any() or (dark <= most).any():
            raise UnusualFrameError
