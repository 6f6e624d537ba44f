"""Live time: from electrons per exposure to electrons per second.

    e / live time

Source: the mission's calibrated products, whose rates are electrons over the number of coadds
times 1.98 s (TESS Science Data Products Description Document).
"""

from __future__ import annotations

from tica_fn.kernels.compile import kernel
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
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] / live_s


@kernel
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
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] * live_s
