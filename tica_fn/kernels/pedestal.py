"""Pedestal (scalar bias): one offset an amplifier, seen in its overclock columns.

    pedestal = mean of v over rows 750: and the last 8 of the amplifier's 11 overclock columns
    v - pedestal[c]

Taken after the 2-D bias.  The first 750 rows ring after the start of the frame, and the first
three overclock columns see scattered light, so both are left out.

Source: Fausnaugh et al. 2020 (RNAAS 4, 251); TESS Instrument Handbook ("1-D black").
"""

from __future__ import annotations

from tica_fn.kernels.bias import without_bias
from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image, Table, Vector

__all__ = ["add_pedestal", "measure_pedestals", "subtract_pedestal"]


@formula
def without_pedestal(value: float, pedestal: float) -> float:
    """Value less the pedestal."""
    return value - pedestal


@kernel
def measure_pedestals(
    pixels: Image, bias: Image, factor: float, first_row: int, runs: Table, out: Vector
) -> None:
    """Fill `out` with the mean of each run of overclock columns after the 2-D bias.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64, ADU; not modified.
    bias : ndarray
        (rows, columns) float32 bias that `pixels` still hold, or (1, 1) zero when they hold none.
    factor : float
        Factor of the bias, see `tica_fn.kernels.subtract_bias`.
    first_row : int
        First row of the mean; it runs to the last row.
    runs : ndarray
        (n, 2) int64: columns of each mean, half-open.
    out : ndarray
        (n,) float64, ADU; NaN where there is no pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import measure_pedestals
    >>> pixels = np.arange(12, dtype=np.int32).reshape(3, 4)
    >>> no_bias, pedestals = np.zeros((1, 1), dtype=np.float32), np.empty(2)
    >>> measure_pedestals(pixels, no_bias, 0.0, 1, np.array([[0, 2], [2, 4]]), pedestals)
    >>> pedestals
    array([6.5, 8.5])
    """
    per_row = 1 if bias.shape[0] > 1 else 0
    per_column = 1 if bias.shape[1] > 1 else 0
    for k in range(runs.shape[0]):
        out[k] = 0.0
    for r in range(first_row, pixels.shape[0]):
        for k in range(runs.shape[0]):
            row_total = 0.0
            for c in range(runs[k, 0], runs[k, 1]):
                b = float(bias[r * per_row, c * per_column])
                row_total += without_bias(float(pixels[r, c]), b, factor)
            out[k] += row_total
    for k in range(runs.shape[0]):
        count = (pixels.shape[0] - first_row) * (runs[k, 1] - runs[k, 0])
        out[k] /= float(count)


@kernel
def subtract_pedestal(pixels: Image, pedestal: Vector, out: Image) -> None:
    """Fill `out` with the pixels less the pedestal of their column.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    pedestal : ndarray
        (columns,) float64, ADU.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import subtract_pedestal
    >>> pixels, out = np.full((2, 3), 100.0), np.empty((2, 3))
    >>> subtract_pedestal(pixels, np.array([10.0, 10.0, 20.0]), out)
    >>> out[0]
    array([90., 90., 80.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = without_pedestal(pixels[r, c], pedestal[c])


@plain_kernel
def add_pedestal(pixels: Image, pedestal: Vector, out: Image) -> None:
    """Fill `out` with the pixels plus the pedestal of their column: undoes `subtract_pedestal`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    pedestal : ndarray
        (columns,) float64, ADU.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import add_pedestal
    >>> pixels, out = np.full((2, 3), 90.0), np.empty((2, 3))
    >>> add_pedestal(pixels, np.array([10.0, 10.0, 20.0]), out)
    >>> out[0]
    array([100., 100., 110.])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] + pedestal[c]
