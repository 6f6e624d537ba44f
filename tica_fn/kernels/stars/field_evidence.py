"""A smooth field through values of which many are off, as rough as the values themselves say.

Plain numpy around small kernels: as one kernel it would take seconds to compile.
"""

from __future__ import annotations

import math

import numpy as np

from tica_fn.kernels.compile import kernel, plain_kernel, thorough_kernel
from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.chebyshev_sums import chebyshev_normal_equations
from tica_fn.kernels.stars.cholesky import factorise, inverse_of_factor, solve_factorised
from tica_fn.kernels.stars.normal_equations import subtract_terms
from tica_fn.kernels.types import Array

__all__ = ["fit_field_by_evidence", "solve_with_prior", "widen_by_evidence"]

_FREEDOM = 2.0
"""Of Student's distribution: 2, as unseen neighbours make tails that fall by the third power."""
_BENT = 2.0
"""Errors from which on a place's pull grows no more in the first rounds."""
_LEAST_WIDTH = 1e-5
_WIDENINGS = 2
"""Of the widths in a round, between two sums over the places."""


@np.errstate(all="ignore")  # As in kernels.
def fit_field_by_evidence(
    terms: Array,
    columns: Array,
    values: Array,
    errors: Array,
    widths: Array,
    low: int,
    rounds: int,
    last: int,
    settled: float,
) -> tuple[Array, float, int, Array]:
    """Fit a smooth field to two values a place.

    The terms are products of Chebyshev polynomials.  The values scatter about the field by
    Student's distribution with two degrees of freedom, each by the same number of its expected
    errors: no place is left out, but one that is far off counts little.  The coefficients of a
    degree scatter about zero by a width of their own.  The number and the widths are
    those that make the values likeliest (MacKay 1992, Neural Computation 4, 415): the evidence of
    the values, rather than a choice of the degree, says how rough the field is.

    Student's distribution has more than one answer: a corner that bends away may be taken for
    places that are off.  The first rounds therefore weigh by a loss that has one only, quadratic
    near and straight far away, and end near it.

    Parameters
    ----------
    terms : ndarray
        (n, q) float64: Chebyshev terms of the places, of twice the highest degree or more; see
        `tica_fn.kernels.stars.polynomial.chebyshev_terms`.
    columns : ndarray
        (p, n) float64: those of the highest degree or more, each at all places.
    values : ndarray
        (2, n) float64: what to fit; places where one is not finite are left out.
    errors : ndarray
        (n,) float64: expected standard error of each place's values on one axis; a place whose
        error is not finite is left out.
    widths : ndarray
        (degree + 1,) float64: first guess of the size of the coefficients of each degree; infinite
        for those that are free.  Its length says the highest degree; lower where there are fewer
        than three places a coefficient.
    low : int
        Highest degree of the first rounds.
    rounds, last : int
        Most rounds of that degree, and of the highest.
    settled : float
        Rms change of the field in a round from which on it is done.

    Returns
    -------
    field : ndarray
        (2, n) float64: the fit at all places.
    spread : float
        Expected rms length of the field's error over the square, by what the values scatter;
        infinite where there is too little to fit.
    degree : int
        Highest degree whose terms stand out of their errors; -1 where there is too little to fit.
    weights : ndarray
        (n,) float64: inverse variances that the places ended with, 0 for those left out.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.field_evidence import fit_field_by_evidence
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_terms
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(-1, 1, (2, 200))
    >>> terms = chebyshev_terms(x, y, 8)
    >>> columns = np.ascontiguousarray(terms[:, :15].T)
    >>> wanted = np.stack([0.1 * x * y, 0.2 + 0.1 * x])
    >>> values = wanted + rng.normal(0, 0.001, wanted.shape)
    >>> values[:, ::10] += 0.5
    >>> widths = np.array([np.inf, np.inf, np.inf, 0.1, 0.1])
    >>> field, spread, degree, _ = fit_field_by_evidence(
    ...     terms, columns, values, np.full(200, 0.001), widths, 2, 8, 8, 1e-6)
    >>> degree, bool(np.abs(field - wanted).max() < 0.001), spread < 0.001
    (2, True, True)
    """
    n, top = errors.size, widths.size - 1
    field = np.zeros((2, n))
    # Places that are left out have a value of 0, and a precision of 0 too.
    seen = np.isfinite(values).all(axis=0) & np.isfinite(errors)
    count = int(seen.sum())
    if count < 6:
        return field, np.inf, -1, np.zeros(n)
    known, own = np.where(seen, values, 0.0), np.where(seen, 1.0 / errors, 0.0)
    while 3 * (top + 1) * (top + 2) // 2 > count and top > 0:
        top -= 1
    size = (top + 1) * (top + 2) // 2
    columns = columns[:size]
    rest = known - np.array([[median_in_place(one[seen], count)] for one in known])
    scatter = _median_scatter(rest, own, seen)
    width, noise, soft, before = widths.copy(), scatter * scatter, np.empty(n), np.empty((2, n))
    degrees = np.repeat(np.arange(top + 1), np.arange(1, top + 2))
    for first in (True, False):
        highest = min(low, top) if first else top
        size = (highest + 1) * (highest + 2) // 2
        coefficients, variances = np.zeros((2, size)), np.zeros((2, size))
        inverse = np.zeros((size, size))
        for _ in range(rounds if first else last):
            noise = scatter * scatter
            _weigh(rest, own, noise, first, soft)
            gram, right = chebyshev_normal_equations(terms, soft, known, highest)
            for _ in range(_WIDENINGS):
                prior = (noise / (width * width))[degrees[:size]]
                inverse = solve_with_prior(gram, right, prior, coefficients, variances[0])
                variances[0] *= noise
                variances[1] = variances[0]
                widen_by_evidence(width, coefficients, variances)
            before[:] = rest
            for j in range(2):
                subtract_terms(columns, coefficients[j], known[j], rest[j])
            moved, off = _changes(rest, before, own, noise)
            if first:
                scatter = _median_scatter(rest, own, seen)
            else:
                scatter = max(scatter * math.sqrt(off / (2.0 * count)), 1e-9)
            if moved < settled * settled * count:
                break
    for j in range(2):
        subtract_terms(columns, coefficients[j], np.zeros(n), field[j])
    spread = math.sqrt(noise) * _spread(inverse, top)
    return -field, spread, _degree(coefficients, variances[0], top), soft / noise


@kernel
def _weigh(rest: Array, own: Array, noise: float, first: bool, out: Array) -> None:
    """Fill `out` with the weights of all places: the farther one is off, the less it counts."""
    for k in range(own.size):
        precision = own[k] * own[k]
        far = (rest[0, k] * rest[0, k] + rest[1, k] * rest[1, k]) * precision / noise
        if first:
            out[k] = precision / np.sqrt(1.0 + far / (_BENT * _BENT))
        else:
            out[k] = precision * (_FREEDOM + 2.0) / (_FREEDOM + far)


@kernel
def _changes(rest: Array, before: Array, own: Array, noise: float) -> tuple[float, float]:
    """Squares of what a round changed, and of what is off, weighed by Student's distribution."""
    moved = off = 0.0
    for j in range(2):
        for k in range(own.size):
            if own[k] > 0.0:
                moved += (rest[j, k] - before[j, k]) ** 2
    for k in range(own.size):
        far = (rest[0, k] * rest[0, k] + rest[1, k] * rest[1, k]) * own[k] * own[k] / noise
        off += (_FREEDOM + 2.0) / (_FREEDOM + far) * far
    return moved, off


def _median_scatter(rest: Array, own: Array, seen: Array) -> float:
    """Scatter in expected errors, by the median length of those seen."""
    lengths = (np.sqrt(rest[0] * rest[0] + rest[1] * rest[1]) * own)[seen]
    # The median length of a pair of normal deviates is 1.1774.
    return float(max(median_in_place(lengths, lengths.size) / 1.1774, 1e-9))


@thorough_kernel
def solve_with_prior(
    gram: Array, right: Array, prior: Array, coefficients: Array, variances: Array
) -> Array:
    """Solve normal equations of coefficients that scatter about zero.

    Parameters
    ----------
    gram : ndarray
        (p, p) float64, symmetric; not modified.
    right : ndarray
        (p, m) float64.
    prior : ndarray
        (p,) float64: what to add to the diagonal, the inverse variances of the coefficients on the
        scale of the weights.
    coefficients : ndarray
        (m, p) float64: filled with the solution.
    variances : ndarray
        (p,) float64: filled with the variances of the coefficients where the weights are inverse
        variances of the values.

    Returns
    -------
    ndarray
        (p, p) float64: inverse of the equations' Cholesky factor.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.field_evidence import solve_with_prior
    >>> solved, variances = np.empty((1, 2)), np.empty(2)
    >>> gram, right = np.diag([1.0, 3.0]), np.array([[2.0], [8.0]])
    >>> inverse = solve_with_prior(gram, right, np.array([0.0, 1.0]), solved, variances)
    >>> solved.round(9), variances.round(9)
    (array([[2., 2.]]), array([1.  , 0.25]))
    """
    size = len(gram)
    held, factor = np.empty((size, size)), np.empty((size, size))
    for a in range(size):
        for b in range(size):
            held[a, b] = gram[a, b]
        held[a, a] = gram[a, a] * (1.0 + 1e-12) + prior[a]
        variances[a] = 0.0
    determined = factorise(held, factor)
    solve_factorised(factor, determined, right, coefficients)
    inverse = inverse_of_factor(factor, determined)
    for k in range(size):
        row = inverse[k]
        for a in range(size):
            variances[a] += row[a] * row[a]
    return inverse


@plain_kernel
def widen_by_evidence(width: Array, coefficients: Array, variances: Array) -> float:
    """Give each degree that is held the width that its coefficients tell.

    Each tells of it as far as it is known better than by the width itself (MacKay's gamma).

    Parameters
    ----------
    width : ndarray
        (degrees,) float64: widths; those that are finite are replaced.
    coefficients, variances : ndarray
        (m, p) float64: coefficients of m fields, ordered by degree, and their variances.

    Returns
    -------
    float
        Number of coefficients that the values tell.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.field_evidence import widen_by_evidence
    >>> width = np.array([np.inf, 1.0])
    >>> told = widen_by_evidence(width, np.full((2, 3), 0.1), np.full((2, 3), 1e-4))
    >>> width.round(3).tolist(), round(told, 3)
    ([inf, 0.1], 6.0)
    """
    a = d = 0
    known = 0.0
    while a < variances.shape[1]:
        total = told = 0.0
        for _ in range(d + 1):
            for j in range(len(coefficients)):
                total += coefficients[j, a] ** 2
                told += max(1.0 - variances[j, a] / (width[d] * width[d]), 1e-3)
            a += 1
        if np.isfinite(width[d]):
            width[d] = max(np.sqrt(total / told), _LEAST_WIDTH)
        known += told
        d += 1
    return known


@plain_kernel
def _spread(inverse: Array, top: int) -> float:
    """Rms over the square of a field whose coefficients' covariance is that of two axes."""
    single = np.zeros((top + 1, top + 1))
    for i in range(top + 1):
        for j in range(top + 1):
            if (i + j) % 2 == 0:
                single[i, j] = 0.5 / (1.0 - (i + j) ** 2) + 0.5 / (1.0 - (i - j) ** 2)
    size = len(inverse)
    first, second = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    a = d = 0
    while a < size:
        for j in range(d + 1):
            first[a], second[a] = d - j, j
            a += 1
        d += 1
    total = 0.0
    for a in range(size):
        for b in range(a + 1):
            shared = single[first[a], first[b]] * single[second[a], second[b]]
            if shared != 0.0:
                covariance = 0.0
                for k in range(a, size):
                    covariance += inverse[k, a] * inverse[k, b]
                total += covariance * shared * (1.0 if a == b else 2.0)
    return float(np.sqrt(2.0 * max(total, 0.0)))


def _degree(coefficients: Array, variances: Array, top: int) -> int:
    """Highest degree whose coefficients are larger, together, than their errors make them."""
    found = a = 0
    squares = (coefficients[0] * coefficients[0] + coefficients[1] * coefficients[1]) / variances
    for d in range(top + 1):
        total = 0.0
        for k in range(a, min(a + d + 1, variances.size)):
            if variances[k] > 0.0:
                total += squares[k]
        a += d + 1
        # Chi-square of 2 (d + 1) values, and four of its standard deviations.
        if total > 2.0 * (d + 1) + 4.0 * math.sqrt(4.0 * (d + 1)):
            found = d
    return found
