"""A robust fit of a smooth field to scattered values, its degree chosen by the data.

Plain numpy around small kernels: as one kernel it would take seconds to compile.
"""

from __future__ import annotations

import math

import numpy as np

from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
from tica_fn.kernels.stars.normal_equations import normal_equations, subtract_terms
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.kernels.types import Array

__all__ = ["fit_smooth_field"]


@np.errstate(all="ignore")  # As in kernels.
def fit_smooth_field(
    x: Array, y: Array, values: Array, weights: Array, highest: int, clip: float, rounds: int
) -> tuple[Array, int, Array]:
    """Fit polynomials of the field to several values at once, clipped, of the fitting degree.

    Values beyond `clip` robust standard deviations of the residual are left out, round by round,
    against a fit of the highest degree.  Then the degree is the one of least
    ``n ln(sum of squares) + p ln(n)`` (the Bayesian information criterion, p coefficients): a
    field that does not vary is not given terms that only follow the noise.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64, places; best within -1 to 1.
    values : ndarray
        (m, n) float64; a place with one that is not finite is left out.
    weights : ndarray
        (n,) float64; 0 leaves a place out.
    highest : int
        Highest degree to try; fewer where there are fewer than three places a coefficient.
    clip : float
        Robust standard deviations from which on a value is left out.
    rounds : int
        Most rounds of clipping.

    Returns
    -------
    coefficients : ndarray
        (m, terms of `highest`) float64, zero beyond the chosen degree.
    degree : int
        The chosen degree; -1 with fewer than three places.
    used : ndarray
        (n,) bool, places that took part.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.smooth_field import fit_smooth_field
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(-1, 1, (2, 200))
    >>> values = 3.0 + 2.0 * x[np.newaxis] + rng.normal(0, 0.01, (1, 200))
    >>> values[0, 5] = 50.0
    >>> coefficients, degree, used = fit_smooth_field(x, y, values, np.ones(200), 4, 5.0, 5)
    >>> degree, coefficients[0, :3].round(1), bool(used[5])
    (1, array([ 3.,  2., -0.]), False)
    """
    m, n = values.shape
    coefficients = np.zeros((m, (highest + 1) * (highest + 2) // 2))
    used = (weights > 0.0) & np.isfinite(values).all(axis=0)
    count = int(used.sum())
    if count < 3:
        return coefficients, -1, used
    top = highest
    while 3 * (top + 1) * (top + 2) // 2 > count:
        top -= 1
    terms = polynomial_terms(x, y, top)
    columns = np.ascontiguousarray(terms.T)
    size = len(columns)
    factor, solved, residual = np.empty((size, size)), np.empty((m, size)), np.empty((m, n))
    for _ in range(rounds + 1):
        gram, right = normal_equations(terms, np.where(used, weights, 0.0), values)
        gram[np.diag_indices(size)] *= 1.0 + 1e-12
        determined = factorise(gram, factor)
        solve_factorised(factor, determined, right, solved)
        keep = used.copy()
        for j in range(m):
            subtract_terms(columns, solved[j], values[j], residual[j])
            distances = np.abs(residual[j])
            here = distances[used]
            scatter = 1.4826 * median_in_place(here, here.size)
            if scatter > 0.0:
                keep &= ~(used & (distances > clip * scatter))
        if (keep == used).all() or keep.sum() < 3 * size:
            break
        used = keep
    count, total_weight = int(used.sum()), _sum_in_order(weights[used])
    best, degree = np.inf, 0
    for d in range(top + 1):
        part = (d + 1) * (d + 2) // 2
        if part > determined:
            break
        solve_factorised(factor, part, right, solved)
        score = m * part * math.log(count)
        for j in range(m):
            subtract_terms(columns, solved[j, :part], values[j], residual[j])
            rest = residual[j, used]
            squares = _sum_in_order(weights[used] * rest * rest)
            score += count * math.log(max(squares / total_weight, 1e-16))
        if score < best:
            best, degree = score, d
            coefficients[:, :size] = solved
    return coefficients, degree, used


def _sum_in_order(values: Array) -> float:
    """Sum of numbers one after the other, as kernels add; numpy's own sum goes by pairs."""
    return float(np.add.accumulate(values)[-1])
