"""2-D bias: the fixed pattern that the electronics add to every pixel.

    v - bias[r, c] * factor

The factor is 1 for a model in ADU per exposure, and the number of coadds for one in ADU per read.

Source: Fausnaugh et al. 2020 (RNAAS 4, 251); TESS Instrument Handbook ("2-D black").
"""

from __future__ import annotations

from tica_fn.kernels.compile import formula, kernel
from tica_fn.kernels.types import Image

__all__ = ["add_bias", "subtract_bias"]


@formula
def without_bias(value: float, bias: float, factor: float) -> float:
    """Value less the bias."""
    return value - bias * factor


@kernel
def subtract_bias(pixels: Image, bias: Image, factor: float, out: Image) -> None:
    """Fill `out` with the pixels less the bias model times a factor.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    bias : ndarray
        (rows, columns) float32, ADU per exposure or per read.
    factor : float
        1, or the number of reads.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import subtract_bias
    >>> pixels, bias = np.full((2, 3), 100.0), np.full((2, 3), 0.5, dtype=np.float32)
    >>> out = np.empty_like(pixels)
    >>> subtract_bias(pixels, bias, 48.0, out)
    >>> out[0]
    array([76., 76., 76.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = without_bias(pixels[r, c], float(bias[r, c]), factor)


@kernel
def add_bias(pixels: Image, bias: Image, factor: float, out: Image) -> None:
    """Fill `out` with the pixels plus the bias model times a factor: undoes `subtract_bias`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    bias : ndarray
        (rows, columns) float32, ADU per exposure or per read.
    factor : float
        1, or the number of reads.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import add_bias
    >>> pixels, bias = np.full((2, 3), 76.0), np.full((2, 3), 0.5, dtype=np.float32)
    >>> out = np.empty_like(pixels)
    >>> add_bias(pixels, bias, 48.0, out)
    >>> out[0]
    array([100., 100., 100.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] + float(bias[r, c]) * factor
