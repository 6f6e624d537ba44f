"""The sums of a weighted linear fit, their solution, and clipping of residuals by magnitude."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.medians import median_and_scatter
from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
from tica_fn.kernels.types import Array

__all__ = [
    "clip_groups",
    "normal_equations",
    "residuals",
    "solve_normal",
    "subtract_terms",
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


@np.errstate(all="ignore")  # As in kernels.
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
    diagonal = np.diagonal(gram)
    scale = np.where(diagonal > 0.0, 1.0 / np.sqrt(diagonal), 0.0)
    scaled = gram * scale[:, np.newaxis] * scale
    scaled = np.where(np.tri(len(gram), dtype=np.bool_), scaled, scaled.T)  # Symmetric to the bit.
    factor, out = np.empty_like(scaled), np.empty(right.shape[::-1])
    solve_factorised(factor, factorise(scaled, factor), right * scale[:, np.newaxis], out)
    return np.asarray(out * scale)


@kernel
def residuals(columns: Array, coefficients: Array, values: Array) -> Array:
    """Values less the sums of the terms that were fitted to them.

    Parameters
    ----------
    columns : ndarray
        (p, n) float64, the terms, each at all places.
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
    >>> columns = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])
    >>> residuals(columns, np.array([[1.0, 2.0]]), np.array([[1.0, 3.5, 5.0]]))
    array([[0. , 0.5, 0. ]])
    """
    m, n = values.shape
    out = np.empty((m, n))
    for j in range(m):
        subtract_terms(columns, coefficients[j], values[j], out[j])
    return out


@kernel
def subtract_terms(columns: Array, coefficients: Array, values: Array, out: Array) -> None:
    """Fill `out` with values less a sum of terms.

    Term by term, so that the processor does neighbouring places at once.

    Parameters
    ----------
    columns : ndarray
        (p or more, n) float64, the terms, each at all places.
    coefficients : ndarray
        (p,) float64.
    values, out : ndarray
        (n,) float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.normal_equations import subtract_terms
    >>> out = np.empty(2)
    >>> subtract_terms(np.array([[1.0, 1.0], [0.0, 3.0]]), np.ones(2), np.array([1.0, 5.0]), out)
    >>> out
    array([0., 1.])
    """
    n, p = values.size, coefficients.size
    for k in range(n):
        out[k] = values[k]
    a = 0
    while a + 3 < p:
        t0, t1, t2, t3 = columns[a], columns[a + 1], columns[a + 2], columns[a + 3]
        c0, c1 = coefficients[a], coefficients[a + 1]
        c2, c3 = coefficients[a + 2], coefficients[a + 3]
        for k in range(n):
            out[k] -= (c0 * t0[k] + c1 * t1[k]) + (c2 * t2[k] + c3 * t3[k])
        a += 4
    while a < p:
        t0, c0 = columns[a], coefficients[a]
        for k in range(n):
            out[k] -= c0 * t0[k]
        a += 1


@plain_kernel
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
