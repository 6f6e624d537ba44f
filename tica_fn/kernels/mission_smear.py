"""Smear as the mission measures it: a robust fit of a constant to each column's smear rows.

    b = sum(v / s**2) / sum(1 / s**2)                             to start with
    r = (v - b) / s / sqrt(1 - h),   h = (1 / s**2) / sum(1 / s**2)
    u = r / (4.685 median(abs(r)) / 0.6745),   w = (1 - u**2)**2 where abs(u) < 1, else 0
    b = sum(v w / s**2) / sum(w / s**2)

until b moves by less than a tenth of its standard error, 1 / sqrt(sum(w / s**2)).

Source: real raw and calibrated smear rows of sector 6, of which this gives 98.7 % of 4,482
ordinary columns to 0.004 electron/s, half of them to 1e-8; the fit is Tukey's bisquare.
"""

from __future__ import annotations

import math

import numpy as np

from tica_fn.kernels.compile import formula, plain_kernel
from tica_fn.kernels.types import Image, Vector

__all__ = ["fit_mission_smear"]

_BISQUARE = 4.685
_MAD_TO_SIGMA = 0.6745
_CLOSE_ENOUGH = 0.1
_MOST_TURNS = 100


@formula
def bisquare(residual: float, width: float) -> float:
    """Tukey's weight of a residual."""
    if not abs(residual) < width:
        return 1.0 if residual == 0.0 else 0.0
    u = residual / width
    return (1.0 - u * u) * (1.0 - u * u)


@plain_kernel
def fit_mission_smear(values: Image, variances: Image, out: Vector, out_variance: Vector) -> None:
    """Fill `out` with the smear of each column, `out_variance` with its variance.

    Values that are no numbers are left out.

    Parameters
    ----------
    values : ndarray
        (rows, columns) float64, electron; not modified.
    variances : ndarray
        (rows, columns) float64, electron squared, positive; not modified.
    out : ndarray
        (columns,) float64, electron; NaN where no value is a number.
    out_variance : ndarray
        (columns,) float64, electron squared.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import fit_mission_smear
    >>> values = np.array([[90.0], [11.0], [9.0], [10.0], [10.0]])
    >>> smear, variance = np.empty(1), np.empty(1)
    >>> fit_mission_smear(values, np.ones((5, 1)), smear, variance)
    >>> smear.round(3), variance.round(3)
    (array([10.]), array([0.255]))
    """
    rows, columns = values.shape
    room = np.empty((5, rows))
    v, weight, lever, residual, ordered = room[0], room[1], room[2], room[3], room[4]
    for c in range(columns):
        count = 0
        first = total = above = 0.0
        for r in range(rows):
            value, variance = values[r, c], variances[r, c]
            if value - value == 0.0 and variance - variance == 0.0:  # finite
                if count == 0:
                    first = value  # So that equal values fit to the bit, none left out.
                v[count], weight[count] = value - first, 1.0 / variance
                total += weight[count]
                above += v[count] * weight[count]
                count += 1
        if count == 0:
            out[c] = out_variance[c] = np.nan
            continue
        b, information = above / total, total
        for k in range(count):
            lever[k] = math.sqrt(weight[k] / max(1.0 - weight[k] / total, 1e-12))
        for _ in range(_MOST_TURNS if count > 2 else 0):
            for k in range(count):
                residual[k] = (v[k] - b) * lever[k]
                size = abs(residual[k])
                place = k
                while place > 0 and not ordered[place - 1] <= size:
                    ordered[place] = ordered[place - 1]
                    place -= 1
                ordered[place] = size
            middle = 0.5 * (ordered[(count - 1) // 2] + ordered[count // 2])
            width = _BISQUARE * middle / _MAD_TO_SIGMA
            information = above = 0.0
            for k in range(count):
                w = bisquare(residual[k], width) * weight[k]
                information += w
                above += v[k] * w
            moved = abs(above / information - b)
            b = above / information
            if moved < _CLOSE_ENOUGH / math.sqrt(information):
                break
        out[c], out_variance[c] = first + b, 1.0 / information
