"""Polynomials in two variables: every term, or a sum of them, at many places at once.

The terms of degree n are ordered by total degree and, within it, by falling power of the first
variable: 1, x, y, x², xy, y², x³, ...
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Array

__all__ = ["polynomial_terms", "polynomial_values"]


@kernel
def polynomial_terms(x: Array, y: Array, degree: int) -> Array:
    """Every term of a polynomial at many places: the matrix of a linear fit.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64.
    degree : int
        Highest total degree.

    Returns
    -------
    ndarray
        (n, (degree + 1) * (degree + 2) / 2) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.polynomial import polynomial_terms
    >>> polynomial_terms(np.array([2.0]), np.array([3.0]), 2)
    array([[1., 2., 3., 4., 6., 9.]])
    """
    n = x.size
    count = (degree + 1) * (degree + 2) // 2
    terms = np.empty((n, count))
    for k in range(n):
        terms[k, 0] = 1.0
        start = 0
        filled = 1
        for d in range(1, degree + 1):
            for i in range(d):
                terms[k, filled + i] = terms[k, start + i] * x[k]
            terms[k, filled + d] = terms[k, start + d - 1] * y[k]
            start = filled
            filled += d + 1
    return terms


@kernel
def polynomial_values(coefficients: Array, x: Array, y: Array, degree: int) -> Array:
    """Values of several polynomials at many places.

    Parameters
    ----------
    coefficients : ndarray
        (m, (degree + 1) * (degree + 2) / 2) float64, ordered as `polynomial_terms`.
    x, y : ndarray
        (n,) float64.
    degree : int
        Highest total degree.

    Returns
    -------
    ndarray
        (m, n) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.polynomial import polynomial_values
    >>> polynomial_values(np.array([[1.0, 10.0, 100.0]]), np.array([2.0]), np.array([3.0]), 1)
    array([[321.]])
    """
    n = x.size
    m, count = coefficients.shape
    out = np.zeros((m, n))
    term = np.empty(count)
    for k in range(n):
        term[0] = 1.0
        start = 0
        filled = 1
        for d in range(1, degree + 1):
            for i in range(d):
                term[filled + i] = term[start + i] * x[k]
            term[filled + d] = term[start + d - 1] * y[k]
            start = filled
            filled += d + 1
        for j in range(m):
            total = 0.0
            for t in range(count):
                total += coefficients[j, t] * term[t]
            out[j, k] = total
    return out
