"""Linearity as the mission applies it: a factor on the counts of one read, before the gain.

    x = (min(v / N, highest) - origin) * scale
    v * (c0 + c1 x + c2 x**2)

with v in ADU per exposure after the blacks and N coadds; `highest` is the end of the range that
the polynomial was measured in, above which the factor stays what it is there.  Science columns
only.  `tica_fn.kernels.correct_linearity` integrates the same polynomial, and is another model.

Source: real raw and calibrated pixels of sector 6, which this gives to 0.01 electron/s; linearity
model 41006_100 of the mission.
"""

from __future__ import annotations

from tica_fn.kernels.compile import formula, plain_kernel
from tica_fn.kernels.linearity import nonlinear
from tica_fn.kernels.types import Image, Table

__all__ = ["correct_mission_linearity", "restore_mission_nonlinearity"]


@formula
def mission_factor(
    v: float, slope: float, offset: float, highest: float, c0: float, c1: float, c2: float
) -> float:
    """Factor of a pixel's counts; that at `highest` for more."""
    x = (highest if v > highest else v) * slope - offset
    return c0 + x * (c1 + c2 * x)


@formula
def mission_nonlinear(
    v: float, slope: float, offset: float, highest: float, c0: float, c1: float, c2: float
) -> float:
    """Counts that the factor turns into `v`; NaN where there are none."""
    last = mission_factor(highest, slope, offset, highest, c0, c1, c2)
    if v > highest * last:
        return v / last
    return float(nonlinear(v, slope, offset, c0, c1, c2))


@plain_kernel
def correct_mission_linearity(pixels: Image, runs: Table, coefficients: Image, out: Image) -> None:
    """Fill `out` with the pixels, those of the given runs of columns corrected.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads, first and one past the
        last.
    coefficients : ndarray
        (n, 6) float64: slope [1/ADU], offset, highest [ADU], c0, c1, c2 of each run.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import correct_mission_linearity
    >>> pixels, out = np.array([[1000.0, 1000.0, 4000.0]]), np.empty((1, 3))
    >>> runs = np.array([[1, 3]])  # the first column is a virtual one
    >>> coefficients = np.array([[1e-3, 0.0, 2000.0, 1.0, 0.02, 0.0]])
    >>> correct_mission_linearity(pixels, runs, coefficients, out)
    >>> out[0]
    array([1000., 1020., 4160.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            slope, offset, highest = coefficients[k, 0], coefficients[k, 1], coefficients[k, 2]
            c0, c1, c2 = coefficients[k, 3], coefficients[k, 4], coefficients[k, 5]
            for c in range(runs[k, 0], runs[k, 1]):
                v = pixels[r, c]
                out[r, c] = v * mission_factor(v, slope, offset, highest, c0, c1, c2)


@plain_kernel
def restore_mission_nonlinearity(
    pixels: Image, runs: Table, coefficients: Image, out: Image
) -> None:
    """Fill `out` with the pixels as they were before `correct_mission_linearity`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    runs : ndarray
        (n, 2) int64: runs of science columns that one amplifier reads.
    coefficients : ndarray
        (n, 6) float64: slope [1/ADU], offset, highest [ADU], c0, c1, c2 of each run.
    out : ndarray
        (rows, columns) float64, ADU; NaN where no signal gives the pixel's value.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import restore_mission_nonlinearity
    >>> pixels, out = np.array([[1020.0, 1020.0, 4160.0]]), np.empty((1, 3))
    >>> coefficients = np.array([[1e-3, 0.0, 2000.0, 1.0, 0.02, 0.0]])
    >>> restore_mission_nonlinearity(pixels, np.array([[1, 3]]), coefficients, out)
    >>> out[0].round(6)
    array([1020., 1000., 4000.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c]
        for k in range(runs.shape[0]):
            slope, offset, highest = coefficients[k, 0], coefficients[k, 1], coefficients[k, 2]
            c0, c1, c2 = coefficients[k, 3], coefficients[k, 4], coefficients[k, 5]
            for c in range(runs[k, 0], runs[k, 1]):
                v = pixels[r, c]
                out[r, c] = mission_nonlinear(v, slope, offset, highest, c0, c1, c2)
