"""The Cholesky factor of normal equations: made, solved with, inverted."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import plain_kernel, thorough_kernel
from tica_fn.kernels.types import Array

__all__ = ["factorise", "inverse_of_factor", "solve_factorised"]


@thorough_kernel
def factorise(gram: Array, out: Array) -> int:
    """Fill `out` with the Cholesky factor L of normal equations, ``gram = L L^T``.

    The factor of the first terms alone is the corner of the factor of all: one factorisation
    serves every degree of a polynomial.

    Parameters
    ----------
    gram : ndarray
        (p, p) float64, symmetric; not modified.
    out : ndarray
        (p, p) float64, lower triangle; zero above it, and from the first term that depends on those
        before it.

    Returns
    -------
    int
        Number of terms that are independent of those before them.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.cholesky import factorise
    >>> factor = np.empty((2, 2))
    >>> factorise(np.array([[4.0, 2.0], [2.0, 5.0]]), factor)
    2
    >>> factor
    array([[2., 0.],
           [1., 2.]])
    """
    p = count = len(gram)
    for a in range(p):
        for b in range(p):
            out[a, b] = 0.0
    # Row by row of the transpose, so that the processor does neighbouring terms at once.
    for a in range(p):
        row = out[a]
        for b in range(a, p):
            row[b] = gram[a, b]
        k = 0
        while k + 3 < a:
            r0, r1, r2, r3 = out[k], out[k + 1], out[k + 2], out[k + 3]
            p0, p1, p2, p3 = r0[a], r1[a], r2[a], r3[a]
            for b in range(a, p):
                row[b] = row[b] - p0 * r0[b] - p1 * r1[b] - p2 * r2[b] - p3 * r3[b]
            k += 4
        while k < a:
            r0, p0 = out[k], out[k, a]
            for b in range(a, p):
                row[b] -= p0 * r0[b]
            k += 1
        if not row[a] > 1e-13 * gram[a, a]:
            count = a
            break
        pivot = np.sqrt(row[a])
        for b in range(a, p):
            row[b] /= pivot
        row[a] = pivot
    for a in range(p):
        for b in range(a):
            out[a, b] = out[b, a] if a < count else 0.0
            out[b, a] = 0.0
        if a >= count:
            out[a, a] = 0.0
    return int(count)


@thorough_kernel
def inverse_of_factor(factor: Array, count: int) -> Array:
    """Inverse of a Cholesky factor, of its first terms.

    Parameters
    ----------
    factor : ndarray
        (p, p) float64, what `factorise` fills; not modified.
    count : int
        Number of terms to use.

    Returns
    -------
    ndarray
        (p, p) float64, lower triangle; 0 beyond those terms.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.cholesky import inverse_of_factor
    >>> inverse_of_factor(np.array([[2.0, 0.0], [1.0, 4.0]]), 2)
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    out = np.zeros((len(factor), len(factor)))
    for a in range(count):
        row = out[a]
        k = 0
        while k + 3 < a:
            r0, r1, r2, r3 = out[k], out[k + 1], out[k + 2], out[k + 3]
            p0, p1, p2, p3 = factor[a, k], factor[a, k + 1], factor[a, k + 2], factor[a, k + 3]
            for b in range(k + 4):
                row[b] = row[b] - p0 * r0[b] - p1 * r1[b] - p2 * r2[b] - p3 * r3[b]
            k += 4
        while k < a:
            r0, p0 = out[k], factor[a, k]
            for b in range(k + 1):
                row[b] -= p0 * r0[b]
            k += 1
        for b in range(a):
            row[b] /= factor[a, a]
        row[a] = 1.0 / factor[a, a]
    return out


@plain_kernel
def solve_factorised(factor: Array, count: int, right: Array, out: Array) -> None:
    """Fill `out` with the solution of normal equations of the first terms.

    Parameters
    ----------
    factor : ndarray
        (p, p) float64, what `factorise` fills.
    count : int
        Number of terms to use.
    right : ndarray
        (p, m) float64.
    out : ndarray
        (m, p) float64: coefficients, 0 beyond those terms.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
    >>> factor, solved = np.empty((2, 2)), np.empty((1, 2))
    >>> count = factorise(np.array([[4.0, 2.0], [2.0, 5.0]]), factor)
    >>> solve_factorised(factor, count, np.array([[8.0], [12.0]]), solved)
    >>> solved
    array([[1., 2.]])
    """
    for j in range(right.shape[1]):
        for a in range(out.shape[1]):
            out[j, a] = 0.0
        solved = out[j]
        for a in range(count):
            total = right[a, j]
            for k in range(a):
                total -= factor[a, k] * solved[k]
            solved[a] = total / factor[a, a]
        for a in range(count - 1, -1, -1):
            total = solved[a]
            for k in range(a + 1, count):
                total -= factor[k, a] * solved[k]
            solved[a] = total / factor[a, a]
