"""Linearity: the response of a science pixel falls off with its signal.

    x = (e / N / 0.99 / gain - origin) * scale
    e * (c0 + c1 x + c2 x**2)

with N coadds of 2 s, of which 0.99 collect light.  Science columns only.  The four divisors are
folded into ``x = e * slope - offset`` with ``slope = scale / (N * 0.99 * gain)`` and
``offset = origin * scale``.

Source: Fausnaugh et al. 2020 (RNAAS 4, 251): TICA's integral of the mission's linearity model
41006_100, which the mission applies in another way, `tica_fn.kernels.mission_linearity`.
"""

from __future__ import annotations

import math

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image, Table

__all__ = ["correct_linearity", "restore_nonlinearity"]

# At most so many steps of Newton's method; from the measured value the root is 1 to 5 steps away.
_MOST_STEPS = 50


@formula
def linear(e: float, slope: float, offset: float, c0: float, c1: float, c2: float) -> float:
    """Electrons corrected for the fall-off."""
    x = e * slope - offset
    return e * (c0 + x * (c1 + c2 * x))


@formula
def nonlinear(e: float, slope: float, offset: float, c0: float, c1: float, c2: float) -> float:
    """Electrons that `linear` turns into `e`; NaN where there are none."""
    root = e
    for _ in range(_MOST_STEPS):
        x = root * slope - offset
        factor = c0 + x * (c1 + c2 * x)
        rise = factor + root * slope * (c1 + 2.0 * c2 * x)
        step = (root * factor - e) / rise
        root -= step
        if not abs(step) > 1e-15 * abs(root):
            return root
    return math.nan


@kernel
def correct_linearity(pixels: Image, runs: Table, coefficients: Image, out: Image) -> None:
    """Fill `out` with the pixels, those of the given runs of columns corrected.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads, first and one past the
        last.
    coefficients : ndarray
        (n, 5) float64: slope [1/electron], offset, c0, c1, c2 of each run.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import correct_linearity
    >>> pixels, out = np.full((2, 3), 1000.0), np.empty((2, 3))
    >>> runs = np.array([[1, 3]])  # the first column is a virtual one
    >>> coefficients = np.array([[1e-3, 0.0, 1.0, 0.02, 0.0]])
    >>> correct_linearity(pixels, runs, coefficients, out)
    >>> out[0]
    array([1000., 1020., 1020.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            slope, offset = coefficients[k, 0], coefficients[k, 1]
            c0, c1, c2 = coefficients[k, 2], coefficients[k, 3], coefficients[k, 4]
            for c in range(runs[k, 0], runs[k, 1]):
                out[r, c] = linear(pixels[r, c], slope, offset, c0, c1, c2)


@plain_kernel
def restore_nonlinearity(pixels: Image, runs: Table, coefficients: Image, out: Image) -> None:
    """Fill `out` with the pixels as they were before `correct_linearity`.

    The cubic equation is solved by Newton's method to the last bits.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads.
    coefficients : ndarray
        (n, 5) float64: slope [1/electron], offset, c0, c1, c2 of each run.
    out : ndarray
        (rows, columns) float64, electron; NaN where no signal gives the pixel's value.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import restore_nonlinearity
    >>> pixels, out = np.full((2, 3), 1020.0), np.empty((2, 3))
    >>> runs, coefficients = np.array([[1, 3]]), np.array([[1e-3, 0.0, 1.0, 0.02, 0.0]])
    >>> restore_nonlinearity(pixels, runs, coefficients, out)
    >>> out[0].round(6)
    array([1020., 1000., 1000.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            slope, offset = coefficients[k, 0], coefficients[k, 1]
            c0, c1, c2 = coefficients[k, 2], coefficients[k, 3], coefficients[k, 4]
            for c in range(runs[k, 0], runs[k, 1]):
                out[r, c] = nonlinear(pixels[r, c], slope, offset, c0, c1, c2)
