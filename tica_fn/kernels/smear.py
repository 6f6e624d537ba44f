"""Smear: TESS has no shutter, so every column collects light while the frame is transferred.

    smear[c] = median of e over rows 2061:2068 of column c (masked rows that see only the transfer)
    e - smear[c]

Taken after linearity, subtracted from every row of the column, virtual columns included.

Source: Fausnaugh et al. 2020 (RNAAS 4, 251); TESS Instrument Handbook ("smear").
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula, kernel, plain_kernel
from tica_fn.kernels.types import Image, Vector

__all__ = ["add_smear", "measure_smear", "subtract_smear"]


@formula
def without_smear(e: float, smear: float) -> float:
    """Electrons less the column's smear."""
    return e - smear


@plain_kernel
def measure_smear(pixels: Image, out: Vector) -> None:
    """Fill `out` with the median of each column.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron, the rows of the median, one at least; not modified.
    out : ndarray
        (columns,) float64, electron; NaN where a value is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import measure_smear
    >>> pixels = np.array([[1.0, 5.0], [3.0, 5.0], [900.0, 6.0], [2.0, 7.0]])
    >>> smear = np.empty(2)
    >>> measure_smear(pixels[1:4], smear)
    >>> smear
    array([3., 6.])
    """
    count = pixels.shape[0]
    values = np.empty(count)
    for c in range(pixels.shape[1]):
        for r in range(count):
            value = pixels[r, c]
            # Insertion into the sorted values so far; NaN moves to the end and stays there.
            place = r
            while place > 0 and not values[place - 1] <= value:
                values[place] = values[place - 1]
                place -= 1
            values[place] = value
        middle = values[count // 2]
        if count % 2 == 0:
            middle = 0.5 * (values[count // 2 - 1] + middle)
        for r in range(count):
            if np.isnan(values[r]):
                middle = np.nan
        out[c] = middle


@kernel
def subtract_smear(pixels: Image, smear: Vector, out: Image) -> None:
    """Fill `out` with the pixels less the smear of their column.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    smear : ndarray
        (columns,) float64, electron.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import subtract_smear
    >>> pixels, out = np.full((2, 3), 100.0), np.empty((2, 3))
    >>> subtract_smear(pixels, np.array([0.0, 1.5, 3.0]), out)
    >>> out[0]
    array([100. ,  98.5,  97. ])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = without_smear(pixels[r, c], smear[c])


@plain_kernel
def add_smear(pixels: Image, smear: Vector, out: Image) -> None:
    """Fill `out` with the pixels plus the smear of their column: undoes `subtract_smear`.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float64, electron; not modified.
    smear : ndarray
        (columns,) float64, electron.
    out : ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import add_smear
    >>> pixels, out = np.full((2, 3), 100.0), np.empty((2, 3))
    >>> add_smear(pixels, np.array([0.0, 1.5, 3.0]), out)
    >>> out[0]
    array([100. , 101.5, 103. ])
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = pixels[r, c] + smear[c]
