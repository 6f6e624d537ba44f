"""Pixels that no star can make: brighter, or darker, than their neighbours allow.

Source: the light of a star that is spread as a Gaussian of 0.45 pixel or more puts into the two
pixels above and below a pixel, together, at least 0.36 of what it puts into that pixel, wherever
the star is; and so it does into those left and right.  What holds of each star, and of the sky,
holds of their sum: the law is not bent in a crowded field.  A hot pixel breaks it both ways, the
track of a cosmic ray across its own way.  Columns that are bright as a whole (straps, bleeds) break
it left and right only, so that alone does not count.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.flags import greater
from tica_fn.kernels.types import Array, Image, Vector

__all__ = ["outlying_pixels", "spread_marks"]

_SIGMAS = 5.0
_FAINT = _SIGMAS * _SIGMAS
"""Squared standard deviations over the sky from which on a pixel may go on a track."""
_ODD = 1e30
"""Sky that may leave the range of single precision."""
_DARK_SIGMAS = 8.0
_DARK_SHARE = 0.6
"""Part of the light of its darker neighbours that a dead pixel has less of: between four equal
stars of 0.45 pixel there is 0.73."""


@formula
def lesser_or_first(a: float, b: float) -> float:
    """The lesser of two numbers; the first where one is none."""
    return b if b < a else a


@formula
def stands_out(
    here: float, beside: tuple[float, float, float, float], noise: float, sky: float, share: float
) -> bool:
    """Tell whether a pixel may be an outlier; `beside`: those above, below, left and right."""
    up, down, left, right = beside
    e = here - sky
    least = share * e + 2.0 * sky
    bright = (e > 0.0) & (e * e > _FAINT * noise)
    sharp = (least > up + down) | (least > left + right)
    low = second_lowest(up, down, left, right)
    gap = low - here
    hole = (here < _DARK_SHARE * low) & (gap * gap > 16.0 * noise)
    return bool((bright & sharp) | hole)


@formula
def second_lowest(up: float, down: float, left: float, right: float) -> float:
    """The second lowest of four numbers, so that two dead pixels don't hide each other."""
    low = greater(lesser_or_first(up, down), lesser_or_first(left, right))
    return lesser_or_first(low, lesser_or_first(greater(up, down), greater(left, right)))


@formula
def may_stand_out(
    row: Array, up: Array, down: Array, noise: Array, sky: Array, share: np.float32, out: Array
) -> None:
    """Find all pixels that stand out, and some that almost do: a first look in single precision.

    `row` has one pixel more at either end than the others; `sky` and `share` are float32, `out`
    bool.  What is compared is made larger by more than the errors of rounding, and is divided
    rather than multiplied, so that it does not overflow.
    """
    slack, tiny = np.float32(2.0**-20), np.float32(1e-37)
    per_sigma = np.float32((1.0 + 2.0**-18) / _SIGMAS)
    dark, quarter = np.float32(_DARK_SHARE), np.float32(0.25)
    for c in range(out.size):
        left, here, right, b = row[c], row[c + 1], row[c + 2], sky[c]
        error = slack * (abs(here) + abs(b)) + tiny
        e = (here - b) + error
        least = share * e + (b + b) + error
        sigmas = e * per_sigma
        bright = (e > 0.0) & (sigmas * sigmas >= noise[c])
        sharp = (least > up[c] + down[c]) | (least > left + right)
        low = second_lowest(up[c], down[c], left, right)
        gap = (low - here) * quarter
        hole = (here < dark * low + slack * abs(low)) & (gap * gap >= noise[c])
        out[c] = (bright & sharp) | hole


@kernel
def outlying_pixels(
    pixels: Image,
    variance: Image,
    sky: Image,
    width: int,
    columns: Array,
    tested: Array,
    limits: Vector,
    bits: Array,
    out: Image,
) -> None:
    """Add bits to pixels that no star can make.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64; not modified.
    variance : ndarray
        (rows, columns) float32, square of their unit.
    sky : ndarray
        (rows, blocks) float64: light that is everywhere, in blocks of `width` columns from the
        first to look at on; too little only hides pixels.
    width : int
        Columns of a block.
    columns : ndarray
        (2,) int64: columns to look at, half-open; the outermost two have no neighbours.
    tested : ndarray
        (rows,) bool: rows to look at; those above and below must be at hand.
    limits : ndarray
        (4,) float64: least share of a pixel's light in the two beside it; least standard
        deviations over the sky; and standard deviations by which the law is broken by a pixel that
        stands alone, and by one in a track.
    bits : ndarray
        (4,) int32: bits of a pixel that stands alone, of one in a track, of one that may go on a
        track, of one that is dark.
    out : ndarray
        (rows, columns) int32, changed.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import outlying_pixels
    >>> pixels, variance = np.full((5, 6), 100.0), np.full((5, 6), 100.0, dtype=np.float32)
    >>> pixels[2, 2] = 500.0  # 40 standard deviations, and nothing beside it
    >>> out = np.zeros((5, 6), dtype=np.int32)
    >>> limits, bits = np.array([0.3, 6.0, 3.0, 3.5]), np.array([1, 2, 4, 8], dtype=np.int32)
    >>> outlying_pixels(
    ...     pixels,
    ...     variance,
    ...     np.full((5, 1), 100.0),
    ...     6,
    ...     np.array([0, 6]),
    ...     np.ones(5, dtype=np.bool_),
    ...     limits,
    ...     bits,
    ...     out,
    ... )
    >>> np.argwhere(out & 1)
    array([[2, 2]])
    """
    first, last = columns[0], columns[1]
    share, least, lone_sigmas, track_sigmas = limits[0], limits[1], limits[2], limits[3]
    lone, track, onward, dark = bits[0], bits[1], bits[2], bits[3]
    # Looked through eight at a time.
    words = np.empty(pixels.shape[1] // 8 + 1, dtype=np.uint64)
    likely = words.view(np.bool_)
    level = np.empty(pixels.shape[1], dtype=np.float32)
    for r in range(1, pixels.shape[0] - 1):
        if not tested[r]:
            continue
        v, up, down, noise, o = pixels[r], pixels[r - 1], pixels[r + 1], variance[r], out[r]
        words[first // 8 : last // 8 + 1] = 0
        odd = False
        for k in range(-(-(last - first) // width)):
            start = first + k * width
            level[start : min(start + width, last)] = sky[r, k]
            odd |= abs(sky[r, k]) > _ODD
        a, z = first + 1, max(last - 1, first + 1)
        if odd:
            likely[a:z] = True
        else:
            row, near = v[first:last], (up[a:z], down[a:z])
            may_stand_out(row, *near, noise[a:z], level[a:z], np.float32(share), likely[a:z])
        for word in range(first // 8, last // 8 + 1):
            if words[word] == 0:
                continue
            for c in range(8 * word, min(8 * word + 8, v.size)):
                if not likely[c]:
                    continue
                b = sky[r, (c - first) // width]
                beside = up[c], down[c], v[c - 1], v[c + 1]
                if not stands_out(v[c], beside, noise[c], b, share):
                    continue
                e, own = v[c] - b, float(noise[c])
                column = share * e + 2.0 * b - up[c] - down[c]
                row = share * e + 2.0 * b - v[c - 1] - v[c + 1]
                spread_c = share * share * own + variance[r - 1, c] + variance[r + 1, c]
                spread_r = share * share * own + noise[c - 1] + noise[c + 1]
                if e > 0.0 and e * e > _FAINT * own:
                    corner = max(max(up[c - 1], up[c + 1]), max(down[c - 1], down[c + 1])) - b
                    clear = corner <= max(0.25 * e, 4.0 * np.sqrt(own))
                    spread = spread_c + spread_r + 2.0 * share * share * own
                    enough = e * e > least * least * own
                    alone = column > 0.0 and row > 0.0
                    alone = alone and column + row > lone_sigmas * np.sqrt(spread)
                    if enough and alone and clear:
                        o[c] |= lone
                    elif enough and column > track_sigmas * np.sqrt(spread_c):
                        o[c] |= track
                    elif column > 0.0 or row > 0.0:
                        o[c] |= onward
                else:
                    low, second, about = np.inf, np.inf, own
                    for y in range(r - 1, r + 2):
                        for x in range(c - 1, c + 2):
                            value = float(pixels[y, x])
                            if (y != r or x != c) and value < second:
                                if value < low:
                                    low, second = value, low
                                else:
                                    second = value
                                about = max(about, float(variance[y, x]))
                    gap = second - v[c]
                    if v[c] < _DARK_SHARE * second and gap > _DARK_SIGMAS * np.sqrt(own + about):
                        o[c] |= dark


@plain_kernel
def spread_marks(seed: int, through: int, mark: int, out: Image) -> None:
    """Give `mark` to pixels with the bit `seed`, and to those of `through` that touch one marked.

    Both bits are cleared where it is given.
    """
    rows, columns = out.shape
    count = 0
    for r in range(rows):
        row = out[r]
        for c in range(columns):
            count += 1 if row[c] & (seed | through) else 0
    stack = np.empty((count, 2), dtype=np.int64)
    for r in range(rows):
        for c in range(columns):
            if not out[r, c] & seed:
                continue
            out[r, c] = (out[r, c] & ~(seed | through)) | mark
            stack[0, 0], stack[0, 1] = r, c
            depth = 1
            while depth:
                depth -= 1
                here, there = stack[depth, 0], stack[depth, 1]
                for y in range(max(here - 1, 0), min(here + 2, rows)):
                    for x in range(max(there - 1, 0), min(there + 2, columns)):
                        if out[y, x] & (seed | through):
                            out[y, x] = (out[y, x] & ~(seed | through)) | mark
                            stack[depth, 0], stack[depth, 1] = y, x
                            depth += 1
