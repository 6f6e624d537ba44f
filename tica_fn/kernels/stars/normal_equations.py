"""The sums of a weighted linear fit, their solution, and clipping of residuals by magnitude."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.medians import median_and_scatter
from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
from tica_fn.kernels.types import Array

__all__ = [
    "chebyshev_gram",
    "clip_groups",
    "dot_product",
    "normal_equations",
    "residuals",
    "solve_normal",
]


@kernel
def normal_equations(terms: Array, weights: Array, values: Array) -> tuple[Array, Array]:
    """Sums of the normal equations of a weighted fit of several values.

    Parameters
    ----------
    terms : ndarray
        (n, p) float64, what the coefficients multiply at each place.
    weights : ndarray
        (n,) float64; a value of weight 0 may be NaN.
    values : ndarray
        (m, n) float64, what is fitted.

    Returns
    -------
    gram : ndarray
        (p, p) float64, symmetric.
    right : ndarray
        (p, m) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import normal_equations, solve_normal
    >>> terms = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> gram, right = normal_equations(terms, np.ones(3), np.array([[1.0, 3.0, 5.0]]))
    >>> solve_normal(gram, right).round(9)
    array([[1., 2.]])
    """
    n, p = terms.shape
    m = len(values)
    gram, right = np.zeros((p, p)), np.zeros((p, m))
    known = np.zeros((n + 3, m))
    for j in range(m):
        for k in range(n):
            if weights[k] != 0.0:
                known[k, j] = values[j, k]
    # Four places at a time, so that each sum is taken from memory a quarter as often.
    for k in range(0, n, 4):
        w0 = weights[k]
        w1 = weights[k + 1] if k + 1 < n else 0.0
        w2 = weights[k + 2] if k + 2 < n else 0.0
        w3 = weights[k + 3] if k + 3 < n else 0.0
        t0, t1 = terms[k], terms[min(k + 1, n - 1)]
        t2, t3 = terms[min(k + 2, n - 1)], terms[min(k + 3, n - 1)]
        for a in range(p):
            x0, x1, x2, x3 = w0 * t0[a], w1 * t1[a], w2 * t2[a], w3 * t3[a]
            for b in range(a + 1):
                gram[a, b] += (x0 * t0[b] + x1 * t1[b]) + (x2 * t2[b] + x3 * t3[b])
            for j in range(m):
                right[a, j] += (x0 * known[k, j] + x1 * known[k + 1, j]) + (
                    x2 * known[k + 2, j] + x3 * known[k + 3, j]
                )
    for a in range(p):
        for b in range(a):
            gram[b, a] = gram[a, b]
    return gram, right


@kernel
def chebyshev_gram(along: Array, across: Array, weights: Array, degree: int) -> Array:
    """Sums of the products of all pairs of Chebyshev terms.

    As ``2 T_i T_k = T_(i+k) + T_|i-k|``, sums of single terms of twice the degree give all: a tenth
    of the work that the products are.

    Parameters
    ----------
    along, across : ndarray
        (2 * degree + 1 or more, n) float64: Chebyshev polynomials of the places' two coordinates,
        what `tica_fn.kernels.stars.polynomial.chebyshev_polynomials` gives.
    weights : ndarray
        (n,) float64.
    degree : int
        Highest total degree.

    Returns
    -------
    ndarray
        (p, p) float64, symmetric, in the order of `tica_fn.kernels.stars.polynomial`.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import chebyshev_gram
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_polynomials
    >>> x, y = (chebyshev_polynomials(np.array(at), 2) for at in ([0.5, 1.0], [0.5, -0.5]))
    >>> chebyshev_gram(x, y, np.ones(2), 1)
    array([[ 2.  ,  1.5 ,  0.  ],
           [ 1.5 ,  1.25, -0.25],
           [ 0.  , -0.25,  0.5 ]])
    """
    high = 2 * degree + 1
    sums = np.zeros((high, high))
    for i in range(high):
        weighted = weights * along[i]
        for j in range(high - i):
            sums[i, j] = dot_product(weighted, across[j])
    size = (degree + 1) * (degree + 2) // 2
    gram = np.empty((size, size))
    a = 0
    for d in range(degree + 1):
        for j in range(d + 1):
            i, b = d - j, 0
            for e in range(d + 1):
                for m in range(e + 1):
                    k, b = e - m, e * (e + 1) // 2 + m
                    if b > a:
                        break
                    total = sums[i + k, j + m] + sums[abs(i - k), j + m]
                    total += sums[i + k, abs(j - m)] + sums[abs(i - k), abs(j - m)]
                    gram[a, b] = gram[b, a] = 0.25 * total
            a += 1
    return gram


@kernel
def dot_product(left: Array, right: Array) -> float:
    """Sum of the products of two rows, in eight interleaved sums that the processor does at once.

    The order of the additions is fixed, so that the result is the same on every machine.

    Parameters
    ----------
    left, right : ndarray
        (n,) float64.

    Returns
    -------
    float
        The sum.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import dot_product
    >>> dot_product(np.arange(10.0), np.ones(10))
    45.0
    """
    n = left.size
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    stop = n - n % 8
    for k in range(0, stop, 8):
        s0 += left[k] * right[k]
        s1 += left[k + 1] * right[k + 1]
        s2 += left[k + 2] * right[k + 2]
        s3 += left[k + 3] * right[k + 3]
        s4 += left[k + 4] * right[k + 4]
        s5 += left[k + 5] * right[k + 5]
        s6 += left[k + 6] * right[k + 6]
        s7 += left[k + 7] * right[k + 7]
    for k in range(stop, n):
        s0 += left[k] * right[k]
    return ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7))


@kernel
def solve_normal(gram: Array, right: Array) -> Array:
    """Solve normal equations, their unknowns scaled to be alike.

    Parameters
    ----------
    gram : ndarray
        (p, p) float64, symmetric and positive definite.
    right : ndarray
        (p, m) float64.

    Returns
    -------
    ndarray
        (m, p) float64, the coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import solve_normal
    >>> solve_normal(np.array([[4.0, 2.0], [2.0, 5.0]]), np.array([[8.0], [12.0]]))
    array([[1., 2.]])
    """
    p, m = right.shape
    scaled, sides = np.empty((p, p)), np.empty((p, m))
    scale, factor, out = np.empty(p), np.empty((p, p)), np.empty((m, p))
    for a in range(p):
        scale[a] = 1.0 / np.sqrt(gram[a, a]) if gram[a, a] > 0.0 else 0.0
        for b in range(a + 1):
            scaled[a, b] = scaled[b, a] = gram[a, b] * scale[a] * scale[b]
        for j in range(m):
            sides[a, j] = right[a, j] * scale[a]
    solve_factorised(factor, factorise(scaled, factor), sides, out)
    for j in range(m):
        for a in range(p):
            out[j, a] *= scale[a]
    return out


@kernel
def residuals(terms: Array, coefficients: Array, values: Array) -> Array:
    """Values less the sums of the terms that were fitted to them.

    Parameters
    ----------
    terms : ndarray
        (n, p) float64.
    coefficients : ndarray
        (m, p) float64.
    values : ndarray
        (m, n) float64.

    Returns
    -------
    ndarray
        (m, n) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import residuals
    >>> terms = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> residuals(terms, np.array([[1.0, 2.0]]), np.array([[1.0, 3.5, 5.0]]))
    array([[0. , 0.5, 0. ]])
    """
    m, n = values.shape
    out = np.empty((m, n))
    for j in range(m):
        for k in range(n):
            out[j, k] = values[j, k] - dot_product(terms[k], coefficients[j])
    return out


@kernel
def clip_groups(residual: Array, order: Array, groups: int, sigma: float) -> Array:
    """Tell residuals that depart from those of their group.

    The places are cut in groups of equal size along an order, such as that of brightness.  In
    each, a residual is far where it differs from the median by more than `sigma` scatters of the
    group, or half scatters of all where that is more.

    Parameters
    ----------
    residual : ndarray
        (m, n) float64.
    order : ndarray
        (k,) int64, indices of the places to look at.
    groups : int
        Number of groups.
    sigma : float
        Scatters (1.4826 times the median deviation) that are too many.

    Returns
    -------
    ndarray
        (n,) bool: far in any of the m residuals.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import clip_groups
    >>> residual = np.random.default_rng(1).normal(size=(2, 100))
    >>> residual[0, 7] = 50.0
    >>> np.flatnonzero(clip_groups(residual, np.arange(100), 4, 6.0))
    array([7])
    """
    m, n = residual.shape
    far = np.zeros(n, dtype=np.bool_)
    count = order.size
    values = np.empty(count)
    for axis in range(m):
        for k in range(count):
            values[k] = residual[axis, order[k]]
        _, overall = median_and_scatter(values, count)
        for group in range(groups):
            start, stop = group * count // groups, (group + 1) * count // groups
            for k in range(start, stop):
                values[k - start] = residual[axis, order[k]]
            middle, scatter = median_and_scatter(values, stop - start)
            limit = sigma * max(scatter, 0.5 * overall)
            for k in range(start, stop):
                if abs(residual[axis, order[k]] - middle) > limit:
                    far[order[k]] = True
    return far
