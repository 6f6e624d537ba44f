"""POC linearity: the older model of the response, gain gain and gain loss.

    e / ((1 + e gg) (1 - e gl))

with ``gg`` and ``gl`` per electron of the whole exposure: the amplifier's coefficients over the
number of coadds times 0.99.  Science columns only.

Source: the older linearity tables of the Payload Operations Center, as TICA 1.4 tabulates them.
"""

from __future__ import annotations

import math

from tica_fn.kernels.compile import formula, kernel
from tica_fn.kernels.types import Image, Table

__all__ = ["correct_poc_linearity", "restore_poc_nonlinearity"]


@formula
def poc_linear(e: float, gain: float, loss: float) -> float:
    """Electrons corrected for gain gain and gain loss."""
    return e / ((1.0 + e * gain) * (1.0 - e * loss))


@formula
def poc_nonlinear(e: float, gain: float, loss: float) -> float:
    """Electrons that `poc_linear` turns into `e`: the root of a quadratic, without cancellation."""
    b = 1.0 - e * (gain - loss)
    return 2.0 * e / (b + math.sqrt(b * b + 4.0 * e * e * gain * loss))


@kernel
def correct_poc_linearity(pixels: Image, runs: Table, coefficients: Image, out: Image) -> None:
    """Fill `out` with the pixels, those of the given runs of columns corrected.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads, first and one past the
        last.
    coefficients : ndarray
        (n, 2) float64: gain gain and gain loss of each run, 1/electron.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import correct_poc_linearity
    >>> pixels, out = np.full((2, 3), 1000.0), np.empty((2, 3))
    >>> runs = np.array([[1, 3]])  # the first column is a virtual one
    >>> correct_poc_linearity(pixels, runs, np.array([[1e-5, 3e-5]]), out)
    >>> out[0].round(3)
    array([1000.   , 1020.721, 1020.721])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            for c in range(runs[k, 0], runs[k, 1]):
                out[r, c] = poc_linear(pixels[r, c], coefficients[k, 0], coefficients[k, 1])


@kernel
def restore_poc_nonlinearity(pixels: Image, runs: Table, coefficients: Image, out: Image) -> None:
    """Fill `out` with the pixels as they were before `correct_poc_linearity`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads.
    coefficients : ndarray
        (n, 2) float64: gain gain and gain loss of each run, 1/electron.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import correct_poc_linearity, restore_poc_nonlinearity
    >>> pixels, out = np.full((2, 3), 1000.0), np.empty((2, 3))
    >>> runs, coefficients = np.array([[0, 3]]), np.array([[1e-5, 3e-5]])
    >>> correct_poc_linearity(pixels, runs, coefficients, out)
    >>> restore_poc_nonlinearity(out, runs, coefficients, pixels)
    >>> pixels[0].round(6)
    array([1000., 1000., 1000.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            for c in range(runs[k, 0], runs[k, 1]):
                out[r, c] = poc_nonlinear(pixels[r, c], coefficients[k, 0], coefficients[k, 1])
