"""A robust fit of a smooth field to scattered values, its degree chosen by the data."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
from tica_fn.kernels.stars.normal_equations import normal_equations, subtract_terms
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.kernels.types import Array

__all__ = ["fit_smooth_field"]


@kernel
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
    terms = polynomial_terms(x, y, highest)
    columns = np.ascontiguousarray(terms.T)
    full = terms.shape[1]
    coefficients = np.zeros((m, full))
    used = weights > 0.0
    for k in range(n):
        for j in range(m):
            if not np.isfinite(values[j, k]):
                used[k] = False
    count = np.sum(used)
    if count < 3:
        return coefficients, -1, used
    top = highest
    while 3 * (top + 1) * (top + 2) // 2 > count:
        top -= 1
    size = (top + 1) * (top + 2) // 2
    right, factor = np.zeros((size, m)), np.zeros((size, size))
    solved, residual = np.zeros((m, size)), np.zeros((m, n))
    determined = size
    distances, held = np.empty(n), np.empty(n)
    for _ in range(rounds + 1):
        for k in range(n):
            held[k] = weights[k] if used[k] else 0.0
        gram, right = normal_equations(terms[:, :size], held, values)
        for a in range(size):
            gram[a, a] *= 1.0 + 1e-12
        determined = factorise(gram, factor)
        solve_factorised(factor, determined, right, solved)
        for j in range(m):
            subtract_terms(columns, solved[j], values[j], residual[j])
        changed = False
        keep = used.copy()
        for j in range(m):
            taken = 0
            for k in range(n):
                if used[k]:
                    distances[taken] = abs(residual[j, k])
                    taken += 1
            scatter = 1.4826 * median_in_place(distances, taken)
            for k in range(n):
                if used[k] and abs(residual[j, k]) > clip * scatter and scatter > 0.0:
                    keep[k] = False
                    changed = True
        if not changed or np.sum(keep) < 3 * size:
            break
        used = keep
    count, total_weight = np.sum(used), np.sum(weights[used])
    best = np.inf
    degree = 0
    for d in range(top + 1):
        part = (d + 1) * (d + 2) // 2
        if part > determined:
            break
        solve_factorised(factor, part, right, solved)
        score = m * part * np.log(count)
        for j in range(m):
            squares = 0.0
            subtract_terms(columns, solved[j, :part], values[j], residual[j])
            for k in range(n):
                if used[k]:
                    squares += weights[k] * residual[j, k] * residual[j, k]
            score += count * np.log(max(squares / total_weight, 1e-16))
        if score < best:
            best = score
            degree = d
            for j in range(m):
                for a in range(size):
                    coefficients[j, a] = solved[j, a]
    return coefficients, degree, used
