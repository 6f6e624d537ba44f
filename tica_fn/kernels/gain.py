"""Gain: from counts to electrons.

    e = v * gain[c]

Source: Fausnaugh et al. 2020 (RNAAS 4, 251); gain model 41006_100 of the mission.
"""

from __future__ import annotations

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image, Vector

__all__ = ["apply_gain", "remove_gain"]


@formula
def in_electrons(value: float, gain: float) -> float:
    """Electrons of a value in ADU."""
    return value * gain


@kernel
def apply_gain(pixels: Image, gain: Vector, out: Image) -> None:
    """Fill `out` with the pixels times the gain of their column.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    gain : ndarray
        (columns,) float64, electron per ADU.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import apply_gain
    >>> pixels, out = np.full((2, 3), 100.0), np.empty((2, 3))
    >>> apply_gain(pixels, np.array([5.0, 5.0, 5.25]), out)
    >>> out[0]
    array([500., 500., 525.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = in_electrons(pixels[r, c], gain[c])


@plain_kernel
def remove_gain(pixels: Image, gain: Vector, out: Image) -> None:
    """Fill `out` with the pixels divided by the gain of their column: undoes `apply_gain`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    gain : ndarray
        (columns,) float64, electron per ADU.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import remove_gain
    >>> pixels, out = np.full((2, 3), 525.0), np.empty((2, 3))
    >>> remove_gain(pixels, np.array([5.0, 5.0, 5.25]), out)
    >>> out[0]
    array([105., 105., 100.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] / gain[c]
