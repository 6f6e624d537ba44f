"""Flat field: pixels differ in sensitivity.

    e / flat[r, c]

Source: Fausnaugh et al. 2020 (RNAAS 4, 251); flat fields of the mission's ground calibration.
"""

from __future__ import annotations

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image

__all__ = ["divide_flat", "multiply_flat"]


@formula
def flattened(e: float, flat: float) -> float:
    """Electrons of a pixel of unit sensitivity."""
    return e / flat


@kernel
def divide_flat(pixels: Image, flat: Image, out: Image) -> None:
    """Fill `out` with the pixels divided by the flat field.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    flat : ndarray
        (rows, columns) float32, dimensionless, not zero.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import divide_flat
    >>> pixels, flat = np.full((2, 3), 100.0), np.full((2, 3), 1.25, dtype=np.float32)
    >>> out = np.empty_like(pixels)
    >>> divide_flat(pixels, flat, out)
    >>> out[0]
    array([80., 80., 80.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = flattened(pixels[r, c], float(flat[r, c]))


@plain_kernel
def multiply_flat(pixels: Image, flat: Image, out: Image) -> None:
    """Fill `out` with the pixels times the flat field: undoes `divide_flat`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    flat : ndarray
        (rows, columns) float32, dimensionless.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import multiply_flat
    >>> pixels, flat = np.full((2, 3), 80.0), np.full((2, 3), 1.25, dtype=np.float32)
    >>> out = np.empty_like(pixels)
    >>> multiply_flat(pixels, flat, out)
    >>> out[0]
    array([100., 100., 100.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] * float(flat[r, c])
