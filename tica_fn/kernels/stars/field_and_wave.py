"""A smooth field and waves within the pixel, fitted together to values of which many are off."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.chebyshev_sums import (
    chebyshev_gram,
    chebyshev_normal_equations,
    weighted_sums,
)
from tica_fn.kernels.stars.cholesky import factorise, solve_factorised
from tica_fn.kernels.stars.field_evidence import solve_with_prior, widen_by_evidence
from tica_fn.kernels.stars.normal_equations import residuals
from tica_fn.kernels.stars.phase_wave import sine_and_cosine
from tica_fn.kernels.types import Array

__all__ = ["fit_field_and_wave"]

_FREEDOM = 2.0
"""Of Student's distribution, as in `tica_fn.kernels.stars.field_evidence`."""
_BENT = 2.0
"""Errors from which on a place's pull grows no more in the first round."""
_LEAST = 0.2
"""Scatter in expected errors, at least: what the terms cannot follow in a corner is no outlier."""


def fit_field_and_wave(
    terms: Array,
    columns: Array,
    places: Array,
    values: Array,
    errors: Array,
    field_widths: Array,
    wave_widths: Array,
    rounds: int,
    start: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Fit a smooth field and waves of the place within the pixel to two values a place.

    On each axis ``value = f(x, y) + s(x, y) sin(2 pi place) + c(x, y) cos(2 pi place)``, where f, s
    and c are sums of Chebyshev polynomials.  One fit of both keeps a wave that few places sample
    from being taken for the field.  The values scatter by Student's distribution with two degrees
    of freedom, by the same number of their expected errors, at least 0.2.  Without a first guess,
    the first round weighs by a loss that is quadratic near and straight far away.

    Parameters
    ----------
    terms : ndarray
        (n, q) float64: Chebyshev terms of the places in the field, of twice the highest degree or
        more; see `tica_fn.kernels.stars.polynomial.chebyshev_basis`.
    columns : ndarray
        (p, n) float64: those of the highest degree or more, each at all places.
    places : ndarray
        (2, n) float64: places along columns and rows, pixels; whole pixels do not count.
    values : ndarray
        (2, n) float64: what to fit; places where one is not finite are left out.
    errors : ndarray
        (n,) float64: expected standard error of each place's values on one axis; a place whose
        error is not finite is left out.
    field_widths : ndarray
        (degree + 1,) float64: sizes of the field's coefficients of each degree; infinite for those
        that are free.
    wave_widths : ndarray
        (degree + 1,) float64: first guess of the sizes of the waves' coefficients of each degree,
        which are learnt as in `tica_fn.kernels.stars.field_evidence`.  Its length says the highest
        degree; lower where there are fewer than three places a coefficient.  Empty for no waves.
    rounds : int
        Number of rounds.
    start : ndarray, optional
        (2, n) float64: first guess of field and waves, by which the first round weighs the places.

    Returns
    -------
    field : ndarray
        (2, terms) float64: coefficients of the field, ordered as in
        `tica_fn.kernels.stars.polynomial`; 0 where there are fewer places than terms.
    wave : ndarray
        (2, n) float64: the waves at all places; 0 where a place is not finite.
    weights : ndarray
        (n,) float64: inverse variances that the places ended with, 0 for those left out.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.field_and_wave import fit_field_and_wave
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_basis
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(-1, 1, (2, 200))
    >>> places = rng.uniform(0, 9, (2, 200))
    >>> wanted = 0.02 * x * np.sin(2 * np.pi * places)
    >>> values = 0.1 + wanted + rng.normal(0, 0.001, wanted.shape)
    >>> values[:, ::10] += 0.5
    >>> given = *chebyshev_basis(x, y, 2), places, values, np.full(200, 0.001)
    >>> field, wave, _ = fit_field_and_wave(*given, np.full(2, np.inf), np.full(3, 0.02), 6)
    >>> field.round(3) + 0.0, bool(np.sqrt(np.mean((wave - wanted) ** 2)) < 0.0007)
    (array([[0.1, 0. , 0. ],
           [0.1, 0. , 0. ]]), True)
    """
    low, top = field_widths.size - 1, wave_widths.size - 1
    part = (low + 1) * (low + 2) // 2
    used = np.isfinite(values + places).all(axis=0) & np.isfinite(errors)
    count = int(np.count_nonzero(used))
    if count < part:
        return np.zeros((2, part)), np.zeros_like(places), np.zeros(len(terms))
    while 3 * (top + 1) * (top + 2) > count:
        top -= 1
    half, width = (top + 1) * (top + 2) // 2, wave_widths[: top + 1].copy()
    size = part + 2 * half
    waves = sine_and_cosine(places) if top >= 0 else np.zeros((2, 2, 0))
    known, own = np.where(used, values, 0.0), np.where(used, 1.0 / errors, 0.0)
    rest = known if start is None else np.where(used, known - start, 0.0)
    noise = _scatter(rest, own, used) ** 2
    degrees = np.repeat(np.arange(top + 1), np.arange(1, top + 2))
    prior = np.zeros(size)
    prior[:part] = np.repeat(field_widths, np.arange(1, low + 2)) ** -2.0
    solved, variances = np.zeros((2, 1, size)), np.zeros((2, size))
    soft, wave = own, np.zeros_like(known)
    for k in range(rounds):
        rough = start is None and k == 0
        off = (rest[0] ** 2 + rest[1] ** 2) * own**2 / noise
        if rough:
            soft = own**2 / np.sqrt(1.0 + off / _BENT**2)
        else:
            soft = own**2 * (_FREEDOM + 2.0) / (_FREEDOM + off)
        if top < 0:
            gram, right = chebyshev_normal_equations(terms, soft, known, low)
            solve_with_prior(gram, right, prior * noise, solved[:, 0], variances[0])
        else:
            prior[part:] = np.tile(width[degrees] ** -2.0, 2)
            grams, rights = _equations(terms, soft, known, waves, low, top)
            for j in range(2):
                if k < rounds - 1:
                    solve_with_prior(grams[j], rights[j], prior * noise, solved[j], variances[j])
                else:  # No more to learn of the widths.
                    _solve(grams[j], rights[j], prior * noise, solved[j])
            heights = solved[:, 0, part:].reshape(4, half)
            wave = -residuals(columns, heights, np.zeros((4, len(terms)))).reshape(2, 2, -1)
            wave = (wave * waves.swapaxes(0, 1)).sum(axis=1)
            if k < rounds - 1:
                widen_by_evidence(width, heights, noise * variances[:, part:].reshape(4, half))
        rest = residuals(columns, solved[:, 0, :part], np.where(used, known - wave, 0.0))
        if rough:
            noise = _scatter(rest, own, used) ** 2
        else:
            off = (rest[0] ** 2 + rest[1] ** 2) * own**2 / noise
            pull = (_FREEDOM + 2.0) / (_FREEDOM + off)
            noise = max(noise * np.sum(pull * off) / (2.0 * count), _LEAST**2)
    return solved[:, 0, :part].copy(), wave, soft / noise


def _scatter(rest: Array, own: Array, used: Array) -> float:
    """Scatter in expected errors, by the median length of those used."""
    far = (np.hypot(rest[0], rest[1]) * own)[used]
    # The median length of a pair of normal deviates is 1.1774.
    return float(max(median_in_place(far, far.size) / 1.1774, _LEAST))


def _solve(gram: Array, right: Array, prior: Array, out: Array) -> None:
    """`solve_with_prior` without the variances; `gram` is modified."""
    gram[np.diag_indices(len(gram))] = np.diagonal(gram) * (1.0 + 1e-12) + prior
    factor = np.empty_like(gram)
    solve_factorised(factor, factorise(gram, factor), right, out)


def _equations(
    terms: Array, soft: Array, known: Array, waves: Array, low: int, top: int
) -> tuple[Array, Array]:
    """Normal equations of both axes: of the field, the sine and the cosine."""
    part, half, high = (low + 1) * (low + 2) // 2, (top + 1) * (top + 2) // 2, max(low, top)
    size, all_sums = part + 2 * half, (2 * high + 1) * (high + 1)
    grams, rights = np.empty((2, size, size)), np.empty((2, size, 1))
    field, sine, cosine = (slice(0, part), slice(part, part + half), slice(part + half, size))
    every = weighted_sums(terms, soft, all_sums)
    smooth = chebyshev_gram(every, low)
    for gram, right, value, (s, c) in zip(grams, rights, known, waves.swapaxes(0, 1), strict=True):
        gram[field, field] = smooth
        right[field, 0] = weighted_sums(terms, soft * value, part)
        for which, wave in ((sine, s), (cosine, c)):
            shared = chebyshev_gram(weighted_sums(terms, soft * wave, all_sums), high)
            gram[which, field] = shared[:half, :part]
            gram[field, which] = shared[:part, :half]
            right[which, 0] = weighted_sums(terms, soft * wave * value, half)
        squares = weighted_sums(terms, soft * s * s, all_sums)
        gram[sine, sine] = chebyshev_gram(squares, top)
        gram[cosine, cosine] = chebyshev_gram(every - squares, top)  # s^2 + c^2 = 1
        products = chebyshev_gram(weighted_sums(terms, soft * s * c, all_sums), top)
        gram[sine, cosine] = gram[cosine, sine] = products
    return grams, rights
