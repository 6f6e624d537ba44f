"""Polynomials in two variables: every term, or a sum of them, at many places at once.

The terms of degree n are ordered by total degree and, within it, by falling power of the first
variable: 1, x, y, x², xy, y², x³, ...
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import plain_kernel, thorough_kernel
from tica_fn.kernels.types import Array

__all__ = ["chebyshev_basis", "chebyshev_terms", "polynomial_terms", "polynomial_values"]


@plain_kernel
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


@thorough_kernel
def chebyshev_terms(x: Array, y: Array, degree: int) -> Array:
    """Products of Chebyshev polynomials, ordered as the powers of `polynomial_terms`.

    ``T_0 = 1, T_1 = x, T_n = 2 x T_(n-1) - T_(n-2)``: over the square from -1 to 1 the products
    are nearly independent of each other, which the powers are not.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64, between -1 and 1 for the terms to be so, too.
    degree : int
        Highest total degree.

    Returns
    -------
    ndarray
        (n, (degree + 1) * (degree + 2) / 2) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_terms
    >>> chebyshev_terms(np.array([0.5]), np.array([-1.0]), 2)
    array([[ 1. ,  0.5, -1. , -0.5, -0.5,  1. ]])
    """
    n = x.size
    terms = np.empty((n, (degree + 1) * (degree + 2) // 2))
    along, across = np.ones(degree + 2), np.ones(degree + 2)
    for k in range(n):
        along[1], across[1] = x[k], y[k]
        for d in range(2, degree + 1):
            along[d] = 2.0 * x[k] * along[d - 1] - along[d - 2]
            across[d] = 2.0 * y[k] * across[d - 1] - across[d - 2]
        filled = 0
        for d in range(degree + 1):
            for j in range(d + 1):
                terms[k, filled + j] = along[d - j] * across[j]
            filled += d + 1
    return terms


def chebyshev_basis(x: Array, y: Array, degree: int) -> tuple[Array, Array]:
    """What fits of Chebyshev terms need of the places.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64.
    degree : int
        Highest total degree of the fits.

    Returns
    -------
    terms : ndarray
        (n, (2 * degree + 1) * (degree + 1)) float64: the terms of twice the degree.
    columns : ndarray
        ((degree + 1) * (degree + 2) / 2, n) float64: those of the degree, each at all places.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_basis
    >>> terms, columns = chebyshev_basis(np.array([0.5]), np.array([-1.0]), 1)
    >>> terms, columns.T
    (array([[ 1. ,  0.5, -1. , -0.5, -0.5,  1. ]]), array([[ 1. ,  0.5, -1. ]]))
    """
    terms = chebyshev_terms(x, y, 2 * degree)
    return terms, np.ascontiguousarray(terms[:, : (degree + 1) * (degree + 2) // 2].T)


@plain_kernel
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
