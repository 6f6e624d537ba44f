"""Errors of position that repeat from pixel to pixel, where stars are narrower than the pixels."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.stars.chebyshev_sums import chebyshev_gram, weighted_sums
from tica_fn.kernels.stars.field_evidence import solve_with_prior, widen_by_evidence
from tica_fn.kernels.stars.normal_equations import residuals
from tica_fn.kernels.types import Array

__all__ = ["fit_phase_wave", "sine_and_cosine"]

_CLEAR = 2.0, 20.0
"""Times the number of terms that are told, and more, that a wave takes off the sum of squares."""


def fit_phase_wave(
    terms: Array,
    columns: Array,
    places: Array,
    values: Array,
    weights: Array,
    widths: Array,
    rounds: int,
) -> tuple[Array, bool]:
    """Fit waves of the place within the pixel, whose height is a smooth function of the field.

    On each axis ``wave = s(x, y) sin(2 pi place) + c(x, y) cos(2 pi place)``: the pixels sample
    light that is sharper than they are.  How it is distributed changes over the field, with the
    focus, and so do ``s`` and ``c``: sums of Chebyshev polynomials.  The size of the terms of each
    degree is the one that makes the values likeliest, as in
    `tica_fn.kernels.stars.field_evidence.fit_field_by_evidence`.

    Parameters
    ----------
    terms : ndarray
        (n, q) float64: Chebyshev terms of the place in the field, of twice the highest degree or
        more; see `tica_fn.kernels.stars.polynomial.chebyshev_terms`.
    columns : ndarray
        (p, n) float64: those of the highest degree or more, each at all places.
    places : ndarray
        (2, n) float64: places along columns and rows, pixels; whole pixels do not count.
    values : ndarray
        (2, n) float64: errors of the places, pixels.
    weights : ndarray
        (n,) float64: inverse variances of the values; a value of weight 0 may be NaN.
    widths : ndarray
        (degree + 1,) float64: first guess of the size of the coefficients of each degree.  Its
        length says the highest degree; lower where there are fewer than three values a coefficient.
    rounds : int
        Number of times that the widths are learnt.

    Returns
    -------
    wave : ndarray
        (2, n) float64: the fit at all places, pixels; 0 where a place is not finite.
    clear : bool
        Whether it takes more off the values' sum of squares than noise would.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.phase_wave import fit_phase_wave
    >>> from tica_fn.kernels.stars.polynomial import chebyshev_terms
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(-1, 1, (2, 300))
    >>> terms, places = chebyshev_terms(x, y, 6), rng.uniform(0, 9, (2, 300))
    >>> columns = np.ascontiguousarray(terms[:, :10].T)
    >>> wanted = 0.02 * x * np.sin(2 * np.pi * places)
    >>> values = wanted + rng.normal(0, 0.002, wanted.shape)
    >>> weights, widths = np.full(300, 0.002**-2), np.full(4, 0.02)
    >>> wave, clear = fit_phase_wave(terms, columns, places, values, weights, widths, 6)
    >>> clear, bool(np.sqrt(np.mean((wave - wanted) ** 2)) < 0.0007)
    (True, True)
    """
    top, used = widths.size - 1, weights > 0.0
    while 3 * (top + 1) * (top + 2) > np.count_nonzero(used):
        top -= 1
        if top < 0:
            return np.zeros_like(places), False
    half, size = (top + 1) * (top + 2) // 2, (top + 1) * (top + 2)
    double = (top + 1) * (2 * top + 1)
    width = widths[: top + 1].copy()
    degrees = np.repeat(np.arange(top + 1), np.arange(1, top + 2))
    waves = sine_and_cosine(places)
    grams, rights = np.empty((2, size, size)), np.empty((2, size, 1))
    known = np.where(used, weights * values, 0.0)
    for j in range(2):
        for p in range(2):
            first = slice(p * half, (p + 1) * half)
            rights[j, first, 0] = weighted_sums(terms, known[j] * waves[p, j], half)
            for q in range(p + 1):
                second = slice(q * half, (q + 1) * half)
                shared = weights * waves[p, j] * waves[q, j]
                gram = chebyshev_gram(weighted_sums(terms, shared, double), top)
                grams[j, first, second] = grams[j, second, first] = gram
    # Of both axes, for each the sine's and the cosine's.
    coefficients, variances = np.zeros((2, 1, size)), np.zeros((2, size))
    told = 0.0
    for _ in range(rounds):
        prior = np.tile(width[degrees] ** -2.0, 2)
        for j in range(2):
            solve_with_prior(grams[j], rights[j], prior, coefficients[j], variances[j])
        fields = coefficients.reshape(4, half), variances.reshape(4, half)
        told = widen_by_evidence(width, *fields)
    heights = -residuals(columns, coefficients.reshape(4, half), np.zeros((4, weights.size)))
    out = (heights.reshape(2, 2, -1) * waves.swapaxes(0, 1)).sum(axis=1)
    off = np.where(used, out * (2.0 * np.where(used, values, 0.0) - out), 0.0)
    explained = float(np.einsum("jk,k->", off, weights))
    return out, explained > _CLEAR[0] * told + _CLEAR[1]


def sine_and_cosine(places: Array) -> Array:
    """Sine and cosine of the place within the pixel.

    Parameters
    ----------
    places : ndarray
        (2, n) float64: places along columns and rows, pixels.

    Returns
    -------
    ndarray
        (2, 2, n) float64: of each axis the sine, then of each the cosine; 0 where a place is not
        finite.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels.stars.phase_wave import sine_and_cosine
    >>> sine_and_cosine(np.array([[7.25], [np.nan]])).round(9).tolist()
    [[[1.0], [0.0]], [[0.0], [0.0]]]
    """
    fine = np.isfinite(places)
    within = np.where(fine, places, 0.0)
    turn = 2.0 * np.pi * (within - np.rint(within))
    return np.stack([np.sin(turn), np.cos(turn)]) * fine
