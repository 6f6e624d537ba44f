"""Pedestal that changes smoothly with the row, as the electronics drift while a frame is read.

    x[r] = mean of v[r, c] over the last 8 of an amplifier's 11 overclock columns, less the 2-D bias
    pedestal[r] = sum over k of a_k P_k(r)      (orthogonal polynomials of the rows)
    v[r, c] - pedestal[amplifier, r]

The order is the one with the least Akaike criterion, corrected for small samples.

Source: TESS Instrument Handbook ("1-D black").  The mission's own black is no polynomial but a
fixed profile and one number a frame: `tica_fn.subtract_mission_pedestal`.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.types import Image, Vector

__all__ = ["add_row_pedestal", "fit_rows", "overclock_rows", "subtract_row_pedestal"]


@kernel
def overclock_rows(pixels: Image, first_column: int, last_column: int, out: Vector) -> None:
    """Fill `out` with the mean of each row over some columns.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    first_column, last_column : int
        Columns of the mean, half-open.
    out : ndarray
        (rows,) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import overclock_rows
    >>> pixels, means = np.arange(12.0).reshape(3, 4), np.empty(3)
    >>> overclock_rows(pixels, 2, 4, means)
    >>> means
    array([ 2.5,  6.5, 10.5])
    """
    for r in range(pixels.shape[0]):
        total = 0.0
        for c in range(first_column, last_column):
            total += pixels[r, c]
        out[r] = total / (last_column - first_column)


@kernel
def fit_rows(values: Vector, kept: Vector, highest: int, out: Vector) -> int:
    """Fill `out` with the polynomial in row that describes the values best.

    The polynomials are made orthogonal over the kept rows by the three-term recurrence, so that
    each order adds one term and leaves the others as they are.

    Parameters
    ----------
    values : ndarray
        (rows,) float64; not modified.
    kept : ndarray
        (rows,) float64: 1 for rows that count, 0 for others.
    highest : int
        Highest order.
    out : ndarray
        (rows,) float64: the polynomial in every row, the kept and the others.

    Returns
    -------
    int
        Its order.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import fit_rows
    >>> rows = np.arange(200.0)
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 200)
    >>> fitted = np.empty(200)
    >>> fit_rows(5.0 + 0.02 * rows + noise, np.ones(200), 10, fitted)
    1
    >>> np.abs(fitted - 5.0 - 0.02 * rows).max() < 0.05
    np.True_
    """
    rows = values.size
    room = np.empty((4, rows))
    x, fit, before, now = room[0], room[1], room[2], room[3]
    count = 0.0
    for r in range(rows):
        x[r] = r / rows  # where it starts and how fast it runs makes no difference
        fit[r], before[r], now[r] = 0.0, 0.0, 1.0
        count += kept[r]
    norm_before, best, order = np.inf, np.inf, highest
    for k in range(highest + 1):
        norm = along = middle = 0.0
        for r in range(rows):
            part, one = kept[r], now[r]
            norm += part * one * one
            along += part * one * (values[r] - fit[r])
            middle += part * x[r] * one * one
        squares = 0.0
        for r in range(rows):
            fit[r] += along / norm * now[r]
            left = values[r] - fit[r]
            squares += kept[r] * (left * left)
        free = k + 2.0
        criterion = np.inf
        if count > free + 1.0:  # minus infinity where nothing is left over
            criterion = (
                count * np.log(squares / count)
                + 2.0 * free
                + 2.0 * free * (free + 1.0) / (count - free - 1.0)
            )
        if k == 0 or criterion < best:
            best, order = criterion, k
            for r in range(rows):
                out[r] = fit[r]
        for r in range(rows):
            after = (x[r] - middle / norm) * now[r] - norm / norm_before * before[r]
            before[r], now[r] = now[r], after
        norm_before = norm
    return order


@kernel
def subtract_row_pedestal(pixels: Image, pedestals: Image, amplifier: Vector, out: Image) -> None:
    """Fill `out` with the pixels less the pedestal of their row and amplifier.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    pedestals : ndarray
        (4, rows) float64, ADU.
    amplifier : ndarray
        (columns,) int64: 0 to 3.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import subtract_row_pedestal
    >>> pixels, out = np.full((2, 4), 100.0), np.empty((2, 4))
    >>> pedestals = np.array([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0], [40.0, 41.0]])
    >>> subtract_row_pedestal(pixels, pedestals, np.arange(4), out)
    >>> out
    array([[90., 80., 70., 60.],
           [89., 79., 69., 59.]])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] - pedestals[amplifier[c], r]


@plain_kernel
def add_row_pedestal(pixels: Image, pedestals: Image, amplifier: Vector, out: Image) -> None:
    """Fill `out` with the pixels plus the pedestal: undoes `subtract_row_pedestal`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, ADU; not modified.
    pedestals : ndarray
        (4, rows) float64, ADU.
    amplifier : ndarray
        (columns,) int64: 0 to 3.
    out : ndarray
        (rows, columns) float64, ADU.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import add_row_pedestal
    >>> pixels, out = np.zeros((2, 4)), np.empty((2, 4))
    >>> pedestals = np.array([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0], [40.0, 41.0]])
    >>> add_row_pedestal(pixels, pedestals, np.arange(4), out)
    >>> out
    array([[10., 20., 30., 40.],
           [11., 21., 31., 41.]])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] + pedestals[amplifier[c], r]
