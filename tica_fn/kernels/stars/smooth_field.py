"""Robust fits of a smooth field to scattered values, and its degree chosen by the data."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.normal_equations import factorise, normal_equations, solve_factorised
from tica_fn.kernels.stars.polynomial import chebyshev_terms, polynomial_terms
from tica_fn.kernels.types import Array

__all__ = ["fit_chebyshev_field", "fit_smooth_field"]


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
            _take_off(columns, solved[j], values[j], residual[j])
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
            _take_off(columns, solved[j, :part], values[j], residual[j])
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


@kernel
def fit_chebyshev_field(
    x: Array,
    y: Array,
    values: Array,
    weights: Array,
    widths: Array,
    clip: float,
    least: float,
    penalty: float,
    rounds: int,
) -> tuple[Array, int, Array, float]:
    """Fit a smooth field to two values a place, robustly, of the fitting degree.

    The terms are products of Chebyshev polynomials, those of a degree held to its width, the more
    firmly the more the values scatter.  Each round judges all places afresh against a fit of the
    highest degree: one beyond `clip` standard deviations counts nothing in the next, one beyond
    two counts less (Huber).  Then, of those that are left, the degree is the one of least
    ``n ln(sum of squares) + penalty * terms``, summed over the values.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64: places, -1 to 1.
    values : ndarray
        (2, n) float64: what to fit; places where one is not finite are left out.
    weights : ndarray
        (n,) float64: inverse variances; 0 leaves a place out.
    widths : ndarray
        (degree + 1,) float64: size that coefficients of each degree are held to; infinite for
        those that are free.  Its length says the highest degree.
    clip : float
        Standard deviations.
    least : float
        Standard deviation that places are judged by at least, in units of their expected errors:
        what the field can't follow is no reason to leave places out.
    penalty : float
        For each term and value.
    rounds : int
        At most.

    Returns
    -------
    field : ndarray
        (2, n) float64: the fit at all places.
    degree : int
        The degree; -1 where there is too little to fit.
    used : ndarray
        (n,) bool: places that counted.
    scatter : float
        Robust standard deviation of the residuals on one axis, in units of the values' expected
        errors.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.smooth_field import fit_chebyshev_field
    >>> x, y = np.random.default_rng(1).uniform(-1, 1, (2, 200))
    >>> wanted = np.stack([0.1 * x * y, 0.2 + 0.1 * x])
    >>> widths = np.full(5, np.inf)
    >>> field, degree, _, _ = fit_chebyshev_field(
    ...     x, y, wanted, np.ones(200), widths, 4.0, 0.0, 2.5, 10)
    >>> degree, bool(np.abs(field - wanted).max() < 1e-9)
    (2, True)
    """
    n, top = x.size, widths.size - 1
    used = weights > 0.0
    for k in range(n):
        used[k] = used[k] and np.isfinite(values[0, k]) and np.isfinite(values[1, k])
    allowed = used.copy()
    count = np.sum(used)
    field, residual = np.zeros((2, n)), np.zeros((2, n))
    if count < 6:
        return field, -1, used, np.inf
    while 3 * (top + 1) * (top + 2) // 2 > count and top > 0:
        top -= 1
    terms = chebyshev_terms(x, y, top)
    columns = np.ascontiguousarray(terms.T)
    size = terms.shape[1]
    prior = np.empty(size)
    filled = 0
    for d in range(top + 1):
        prior[filled : filled + d + 1] = 1.0 / (widths[d] * widths[d])
        filled += d + 1
    factor, solved = np.zeros((size, size)), np.zeros((2, size))
    soft, held, lengths = weights.copy(), np.zeros(n), np.empty(n)
    firmness, scatter = 1.0, 1.0
    before = np.zeros((rounds, n), dtype=np.bool_)
    for turn in range(rounds):
        for k in range(n):
            held[k] = soft[k] if used[k] else 0.0
        gram, right = normal_equations(terms, held, values)
        _hold(gram, prior, firmness)
        solve_factorised(factor, factorise(gram, factor), right, solved)
        for j in range(2):
            _take_off(columns, solved[j], values[j], residual[j])
        taken = 0
        for k in range(n):
            if used[k]:
                lengths[taken] = np.sqrt(weights[k]) * np.hypot(residual[0, k], residual[1, k])
                taken += 1
        # The median length of a pair of normal deviates is 1.1774.
        scatter = max(median_in_place(lengths, taken) / 1.1774, 1e-9)
        firmness = scatter * scatter
        keep = allowed.copy()
        for k in range(n):
            if allowed[k]:
                far = np.sqrt(weights[k]) * np.hypot(residual[0, k], residual[1, k])
                far /= max(scatter, least)
                keep[k] = far <= clip
                soft[k] = weights[k] * min(1.0, 2.0 / max(far, 1.0))
        if np.sum(keep) < 2 * size:
            break
        settled = False
        for earlier in range(turn):
            settled = settled or np.array_equal(before[earlier], keep)
        before[turn] = keep
        used = keep
        if settled:  # or going round in circles, where any of the sets will do
            break
    for k in range(n):
        held[k] = weights[k] if used[k] else 0.0
    gram, right = normal_equations(terms, held, values)
    _hold(gram, prior, firmness)
    determined = factorise(gram, factor)
    count, total_weight = np.sum(used), np.sum(weights[used])
    best, degree = np.inf, 0
    for d in range(top + 1):
        part = (d + 1) * (d + 2) // 2
        if part > determined:
            break
        solve_factorised(factor, part, right, solved)
        score = 2.0 * part * penalty
        for j in range(2):
            squares = 0.0
            _take_off(columns, solved[j, :part], values[j], residual[j])
            for k in range(n):
                if used[k]:
                    squares += weights[k] * residual[j, k] * residual[j, k]
            score += count * np.log(max(squares / total_weight, 1e-16))
        if score < best:
            best, degree = score, d
            for j in range(2):
                field[j] = 0.0
                _take_off(columns, -solved[j, :part], field[j].copy(), field[j])
    return field, degree, used, scatter


@kernel
def _hold(gram: Array, prior: Array, firmness: float) -> None:
    """Add the prior, and a little, to the diagonal of normal equations."""
    for a in range(len(gram)):
        gram[a, a] = gram[a, a] * (1.0 + 1e-12) + prior[a] * firmness


@kernel
def _take_off(columns: Array, coefficients: Array, values: Array, out: Array) -> None:
    """Fill `out` with values less the field: term by term, so that the places go side by side."""
    for k in range(values.size):
        out[k] = values[k]
    for a in range(coefficients.size):
        coefficient = coefficients[a]
        for k in range(values.size):
            out[k] -= columns[a, k] * coefficient
