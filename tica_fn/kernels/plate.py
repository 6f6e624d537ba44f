"""The sums of a weighted linear fit, and clipping of its residuals by magnitude."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.select import median_and_scatter
from tica_fn.kernels.types import Array

__all__ = ["clip_groups", "normal_equations"]


@kernel
def normal_equations(terms: Array, weights: Array, values: Array) -> tuple[Array, Array]:
    """Sums of the normal equations of a weighted fit of several values.

    Parameters
    ----------
    terms : ndarray
        (n, p) float64.
    weights : ndarray
        (n,) float64; where it is 0, values may be NaN.
    values : ndarray
        (m, n) float64.

    Returns
    -------
    gram : ndarray
        (p, p) float64: ``sum(w * t_a * t_b)``.
    right : ndarray
        (p, m) float64: ``sum(w * t_a * value)``.
    """
    n, p = terms.shape
    m = values.shape[0]
    gram, right = np.zeros((p, p)), np.zeros((p, m))
    for k in range(n):
        weight = weights[k]
        if weight == 0.0:
            continue
        for a in range(p):
            scaled = weight * terms[k, a]
            for b in range(a + 1):
                gram[a, b] += scaled * terms[k, b]
            for j in range(m):
                right[a, j] += scaled * values[j, k]
    for a in range(p):
        for b in range(a):
            gram[b, a] = gram[a, b]
    return gram, right


@kernel
def clip_groups(residual: Array, order: Array, groups: int, sigma: float) -> Array:
    """Tell residuals that depart from those of their group.

    Parameters
    ----------
    residual : ndarray
        (m, n) float64; not modified.
    order : ndarray
        (k,) int64: indices into `residual`, sorted by magnitude; each run of about k / groups of
        them is a group.
    groups : int
        Number of groups.
    sigma : float
        Limit, in robust standard deviations of the group or half those of all, whichever is more.

    Returns
    -------
    ndarray
        (n,) bool: true for residuals too far from the median of their group on any axis.
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
