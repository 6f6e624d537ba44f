"""Find the offset of an image from the predicted positions of its stars.

First the common shift is found.  Boxes around the predicted positions are stacked, so that the
common offset stands out even if each box contains other stars too.  Then the smooth part of the
rest (roll, scale, distortion) is fitted to single stars.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.stars.polynomial import polynomial_values
from tica_fn.kernels.stars.smooth_field import fit_smooth_field
from tica_fn.kernels.stars.stacked_boxes import find_peaks, stack_boxes
from tica_fn.kernels.stars.stamps import cut_stamps, ring_background

__all__ = ["FieldMatch", "find_shift", "match_field"]

BRIGHT_SHOWN = 20.0
"""A star counts as seen if its brightest pixel exceeds the background by this many times the
scatter."""


@attrs.frozen(eq=False, repr=False, kw_only=True)
class FieldMatch(Record):
    """Smooth offset of an image from a prediction.

    Parameters
    ----------
    coefficients : ndarray
        (2, 10) float64: polynomial of degree 3 in ``(column - 1069) / 1024`` and
        ``(row - 1024) / 1024``, pixels.
    shift : tuple of float
        Offset in the middle of the CCD: columns, rows.
    matched, tried : int
        Number of stars that agree with the offset to half a pixel, and of stars tried.
    scatter : float
        Robust scatter of the stars about the offset, pixels.
    contrast : float
        Height of the stack's peak over the median, in robust standard deviations.
    """

    coefficients: Array = attrs.field(converter=frozen_array)
    shift: tuple[float, float]
    matched: int
    tried: int
    scatter: float
    contrast: float

    @property
    def fraction(self) -> float:
        """Fraction of the stars tried that agree."""
        return self.matched / max(self.tried, 1)

    def apply(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """Add the offset to predicted positions.

        Parameters
        ----------
        columns, rows : ndarray
            (n,) predicted pixels.

        Returns
        -------
        columns, rows : ndarray
            (n,) float64.
        """
        dx, dy = polynomial_values(
            self.coefficients.copy(),  # Writable, as others are: a single kernel is compiled.
            (columns - 1069.0) / 1024.0,
            (rows - 1024.0) / 1024.0,
            3,
        )
        return columns + dx, rows + dy


def find_shift(
    pixels: Array, columns: Array, rows: Array, reach: int, blur: int = 2
) -> tuple[float, float, float]:
    """Offset that most of the predicted positions have in common.

    Parameters
    ----------
    pixels : ndarray
        (2078, 2136) image; not modified.
    columns, rows : ndarray
        (n,) predicted pixels, the first one's centre at 1.
    reach : int
        Largest offset to search, pixels.
    blur : int
        Offsets of stars that differ by up to this many pixels still add up.

    Returns
    -------
    shift_columns, shift_rows : float
        Pixels, accurate to about one.
    contrast : float
        Height of the peak over the stack's median, in robust standard deviations of the stack.
    """
    half = reach + blur + 2
    stack = stack_boxes(
        pixels,
        np.rint(columns).astype(np.int64) - 1,
        np.rint(rows).astype(np.int64) - 1,
        half,
        *SCIENCE_COLUMNS,
        SCIENCE_ROWS[1],
        3.0 * BRIGHT_SHOWN,
    )
    width = 2 * blur + 1
    windows = np.lib.stride_tricks.sliding_window_view(stack, (width, width))
    blurred = windows.mean(axis=(2, 3))
    middle = np.median(blurred)
    spread = 1.4826 * np.median(np.abs(blurred - middle))
    top = np.unravel_index(np.argmax(blurred), blurred.shape)
    contrast = (blurred[top] - middle) / max(spread, 1e-6)
    # Centre of light in the best window.
    piece = windows[top] - np.min(windows[top])
    offset = np.arange(width) - blur
    total = max(float(piece.sum()), 1e-12)
    dx = float((piece.sum(axis=0) * offset).sum() / total)
    dy = float((piece.sum(axis=1) * offset).sum() / total)
    centre = blurred.shape[0] // 2
    return float(top[1] - centre + dx), float(top[0] - centre + dy), float(contrast)


def match_field(
    pixels: Array, columns: Array, rows: Array, reach: int = 30, most: int = 600
) -> FieldMatch:
    """Find the smooth offset of an image from predicted positions of its stars.

    Parameters
    ----------
    pixels : ndarray
        (2078, 2136) int32, float32 or float64; not modified.
    columns, rows : ndarray
        (n,) predicted pixels of stars, in order of brightness, without stars that saturate.
    reach : int
        Largest offset to search, pixels.
    most : int
        Largest number of stars to use.

    Returns
    -------
    FieldMatch
        The offset, and how many stars agree with it.
    """
    inside = (
        (columns > SCIENCE_COLUMNS[0] + 4)
        & (columns < SCIENCE_COLUMNS[1] - 3)
        & (rows > 4)
        & (rows < SCIENCE_ROWS[1] - 3)
    )
    columns, rows = columns[inside][:most], rows[inside][:most]
    if columns.size < 10:
        return FieldMatch(
            coefficients=np.zeros((2, 10)),
            shift=(0.0, 0.0),
            matched=0,
            tried=int(columns.size),
            scatter=np.inf,
            contrast=0.0,
        )
    first_x, first_y, contrast = find_shift(pixels, columns, rows, reach)
    coefficients = np.zeros((2, 10))
    coefficients[:, 0] = first_x, first_y
    scatter, matched = np.inf, np.zeros(columns.size, dtype=bool)
    # Each round searches more closely around a better prediction, with a more flexible field.
    for degree, near in ((1, 5), (1, 3), (2, 2), (3, 2)):
        u, v = (columns - 1069.0) / 1024.0, (rows - 1024.0) / 1024.0
        dx, dy = polynomial_values(coefficients, u, v, 3)
        at_x, at_y = np.rint(columns + dx), np.rint(rows + dy)
        stamps = cut_stamps(
            pixels,
            at_x.astype(np.int64) - 1,
            at_y.astype(np.int64) - 1,
            7,
            *SCIENCE_COLUMNS,
            SCIENCE_ROWS[1],
        )
        level, noise = ring_background(stamps, 2)
        x, y, peak = find_peaks(stamps, near)
        seen = peak - level > BRIGHT_SHOWN * np.maximum(noise, 1e-9)
        values = np.stack([at_x + x - columns, at_y + y - rows])
        fit, found, used = fit_smooth_field(u, v, values, seen.astype(float), degree, 3.0, 10)
        if found < 0:
            break
        coefficients = np.zeros((2, 10))
        coefficients[:, : fit.shape[1]] = fit
        rest = values - polynomial_values(fit, u, v, degree)
        distance = np.hypot(rest[0], rest[1])
        matched = seen & (distance < 0.5)
        scatter = 1.4826 * float(np.median(distance[used])) if used.any() else np.inf
    return FieldMatch(
        coefficients=coefficients,
        shift=(float(coefficients[0, 0]), float(coefficients[1, 0])),
        matched=int(matched.sum()),
        tried=int(columns.size),
        scatter=scatter,
        contrast=contrast,
    )
