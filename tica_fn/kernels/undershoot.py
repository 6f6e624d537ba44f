"""Undershoot: a pixel lacks a small fraction of the signal of the pixel read before it.

    measured[i] = true[i] - undershoot * true[i - 1]
    true[i]     = measured[i] + undershoot * true[i - 1]

with `i` counting an amplifier's science columns in the order they are read: A and C rising, B and
D falling.  The first pixel of a run has none before it and stays.

Source: undershoot model of the mission; the effect is the "LDE undershoot" of the TESS Instrument
Handbook and of the Kepler one.
"""

from __future__ import annotations

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Image, Table, Vector

__all__ = ["correct_undershoot", "restore_undershoot"]


@kernel
def correct_undershoot(pixels: Image, runs: Table, fractions: Vector, out: Image) -> None:
    """Fill `out` with the pixels, those of the given runs of columns corrected.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: first and last column of each run in the order of reading, both inclusive; a
        run is read from right to left where the first is the larger.
    fractions : ndarray
        (n,) float64: undershoot of each run.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import correct_undershoot
    >>> pixels, out = np.array([[1000.0, -2.0, 0.0, -4.0, 2000.0]]), np.empty((1, 5))
    >>> runs = np.array([[0, 1], [4, 2]])  # two amplifiers, the second read from right to left
    >>> correct_undershoot(pixels, runs, np.array([0.002, 0.002]), out)
    >>> out.round(6)
    array([[1000.,    0.,    0.,    0., 2000.]])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            first, last = runs[k, 0], runs[k, 1]
            step = 1 if last >= first else -1
            for c in range(first + step, last + step, step):
                out[r, c] = pixels[r, c] + fractions[k] * out[r, c - step]


@kernel
def restore_undershoot(pixels: Image, runs: Table, fractions: Vector, out: Image) -> None:
    """Fill `out` with the pixels as they were before `correct_undershoot`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: first and last column of each run in the order of reading, both inclusive.
    fractions : ndarray
        (n,) float64: undershoot of each run.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import restore_undershoot
    >>> pixels, out = np.array([[1000.0, 0.0, 0.0, 0.0, 2000.0]]), np.empty((1, 5))
    >>> runs = np.array([[0, 1], [4, 2]])
    >>> restore_undershoot(pixels, runs, np.array([0.002, 0.002]), out)
    >>> out
    array([[1000.,   -2.,    0.,   -4., 2000.]])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            first, last = runs[k, 0], runs[k, 1]
            step = 1 if last >= first else -1
            for c in range(first + step, last + step, step):
                out[r, c] = pixels[r, c] - fractions[k] * pixels[r, c - step]
