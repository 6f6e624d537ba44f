"""Pixels that are bright in one frame only: cosmic rays, distinguished from stars by time.

The pointing, and so the stars, move by 0.1 pixel and more from frame to frame.  A pixel may gain
as much light by this as the pixels around it differ.  Changing scattered light is smooth and is
subtracted block by block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
import numpy as np

from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.quality.bits import Pixel
from tica_fn.uncertainty.estimate_variance import estimate_variance

__all__ = ["mark_series", "mark_transients"]

_SIGMAS = 5.5
_BLOCK = 64
_FLICKER = 0.02
"""Fraction of its light that a pixel may gain without motion, because stars vary."""
_NOISE_OF_RANGE = 4.0
"""Range of nine pixels of a uniform sky, in standard deviations."""


def mark_transients(frame: Frame, before: Frame, after: Frame, *, sigmas: float = _SIGMAS) -> Frame:
    """Flag pixels that are brighter in a frame than in the ones before and after it.

    A pixel is a cosmic ray if it exceeds the brighter of the two other frames by the sum of
    `sigmas` standard deviations, the difference between the pixels around it (which pointing jitter
    may cause), and a fiftieth of its light.

    Parameters
    ----------
    frame : Frame
        Calibrated frame with `variance`; not modified.
    before, after : Frame
        The same pixels, calibrated in the same way.  For the first frame of a series use the next
        two, for the last the previous two.
    sigmas : float
        Standard deviations of the difference of two frames.

    Returns
    -------
    Frame
        The frame with `Pixel.COSMIC_RAY` added to its `quality`; `Pixel.ISOLATED` becomes
        `Pixel.COSMIC_RAY`, or `Pixel.HOT` if the pixel is as bright in the other frames.

    Raises
    ------
    FrameError
        If the frame has no variance, or the others are of other pixels.

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from tica_fn import Frame
    >>> from tica_fn.quality.pixels import Pixel
    >>> from tica_fn.quality.transients import mark_transients
    >>> still = Frame(
    ...     pixels=np.full((3, 3), 100.0),
    ...     unit="electron",
    ...     camera=2,
    ...     ccd=3,
    ...     exposure_s=120,
    ...     coadds=48,
    ...     variance=np.full((3, 3), 100.0),
    ... )
    >>> struck = attrs.evolve(still, pixels=still.pixels + np.eye(3) * 500)
    >>> (mark_transients(struck, still, still).quality == Pixel.COSMIC_RAY).sum()
    np.int64(3)
    """
    places = {(f.row, f.column, f.pixels.shape, f.unit, f.ccd) for f in (frame, before, after)}
    if frame.variance is None or len(places) > 1:
        raise FrameError("transients need a frame with variance and the same pixels in all three")
    usual = np.fmax(before.pixels.astype(np.float64), after.pixels)
    sigma = np.sqrt(frame.variance.astype(np.float64))
    more = frame.pixels - usual
    more -= np.maximum(_smooth(more), 0.0)
    moved = np.maximum(_range(usual) - _NOISE_OF_RANGE * sigma, 0.0)
    with np.errstate(invalid="ignore"):
        suspect = more > sigmas * np.sqrt(2.0) * sigma + moved + _FLICKER * np.abs(usual)
    for other in (before, after):
        if other.quality is not None:
            suspect &= other.quality & Pixel.NO_DATA.value == 0
    quality = np.zeros(frame.shape, dtype=np.int32)
    if frame.quality is not None:
        quality |= frame.quality
    alone = quality & Pixel.ISOLATED.value > 0
    quality[alone] &= ~Pixel.ISOLATED.value
    quality[alone & ~suspect] |= Pixel.HOT.value
    quality[suspect] |= Pixel.COSMIC_RAY.value
    return attrs.evolve(frame, quality=freeze(quality))


def mark_series(frames: Iterable[Frame], models: Models) -> Iterator[Frame]:
    """Flag the transients of consecutive frames; fewer than three stay unchanged."""
    waiting: list[Frame] = []
    done = 0
    for frame in frames:
        waiting.append(frame)
        if len(waiting) < 3:
            continue
        first, middle, last = waiting
        if not done:
            yield _marked(first, middle, last, models)
        yield _marked(middle, first, last, models)
        done += 1
        waiting.pop(0)
    if done:
        before, last = waiting
        # The frame before these two is gone, so the last is compared with the remaining one.
        yield _marked(last, before, before, models)
    else:
        yield from waiting


def _marked(frame: Frame, before: Frame, after: Frame, models: Models) -> Frame:
    """Frame with flagged transients; its variance is unchanged."""
    known = frame if frame.variance is not None else estimate_variance(models)(frame)
    out = mark_transients(known, before, after)
    return attrs.evolve(frame, quality=without_known(out.quality, frame, models))


def without_known(quality: Array | None, frame: Frame, models: Models) -> Array | None:
    """Flags without HOT for rays, unless the map of bad pixels also has the pixel."""
    if quality is None:
        return None
    rows, columns = frame.shape
    known = np.zeros((rows, columns), dtype=np.int32)
    if models.bad_pixels is not None:
        here = np.s_[frame.row : frame.row + rows, frame.column : frame.column + columns]
        known = models.bad_pixels[here] & Pixel.HOT.value
    ray = (quality & Pixel.COSMIC_RAY.value > 0) & (known == 0)
    return freeze(np.where(ray, quality & ~Pixel.HOT.value, quality).astype(np.int32))


def _smooth(values: Array) -> Array:
    """Median of each block of an image, repeated over the block."""
    out = np.zeros_like(values)
    for row in range(0, values.shape[0], _BLOCK):
        for column in range(0, values.shape[1], _BLOCK):
            block = np.s_[row : row + _BLOCK, column : column + _BLOCK]
            known = values[block][np.isfinite(values[block])]
            if known.size:
                out[block] = np.median(known)
    return out


def _range(values: Array) -> Array:
    """Range of each pixel and its existing neighbours."""
    out = []
    for extreme in (np.fmax, np.fmin):
        best = values
        for axis in (0, 1):
            ends = [(1, 1) if axis == k else (0, 0) for k in (0, 1)]
            padded = np.pad(best, ends, mode="edge")
            count = best.shape[axis]
            parts = [np.take(padded, range(k, k + count), axis=axis) for k in range(3)]
            best = extreme(extreme(parts[0], parts[1]), parts[2])
        out.append(best)
    return np.asarray(out[0] - out[1])
