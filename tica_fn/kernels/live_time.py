"""Live time: from electrons per exposure to electrons per second.

    e / live time

Source: the mission's calibrated products, whose rates are electrons over the number of coadds
times 1.98 s (TESS Science Data Products Description Document).
"""

from __future__ import annotations

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.types import Image

__all__ = ["divide_live_time", "multiply_live_time"]


@kernel
def divide_live_time(pixels: Image, live_s: float, out: Image) -> None:
    """Fill `out` with the pixels divided by the live time.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    live_s : float
        Time in which light was collected, seconds.
    out : ndarray
        (rows, columns) float64, electron / s.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import divide_live_time
    >>> pixels, out = np.full((2, 3), 99.0), np.empty((2, 3))
    >>> divide_live_time(pixels, 1.98, out)
    >>> out[0]
    array([50., 50., 50.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] / live_s


@plain_kernel
def multiply_live_time(pixels: Image, live_s: float, out: Image) -> None:
    """Fill `out` with the pixels times the live time: undoes `divide_live_time`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron / s; not modified.
    live_s : float
        Time in which light was collected, seconds.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import multiply_live_time
    >>> pixels, out = np.full((2, 3), 50.0), np.empty((2, 3))
    >>> multiply_live_time(pixels, 1.98, out)
    >>> out[0]
    array([99., 99., 99.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] * live_s
