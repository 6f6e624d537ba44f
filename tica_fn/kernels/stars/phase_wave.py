"""Errors of position that repeat from pixel to pixel, where stars are narrower than the pixels."""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.stars.cholesky import factorise, inverse_of_factor, solve_factorised
from tica_fn.kernels.stars.field_evidence import widen_by_evidence
from tica_fn.kernels.stars.normal_equations import chebyshev_gram, dot_product
from tica_fn.kernels.stars.polynomial import chebyshev_polynomials, chebyshev_terms
from tica_fn.kernels.types import Array

__all__ = ["fit_phase_wave"]

_CLEAR = 2.0, 20.0
"""Times the number of terms that are told, and more, that a wave takes off the sum of squares."""


@kernel
def fit_phase_wave(
    x: Array, y: Array, places: Array, values: Array, weights: Array, widths: Array, rounds: int
) -> tuple[Array, bool]:
    """Fit waves of the place within the pixel, whose height is a smooth function of the field.

    On each axis ``wave = s(x, y) sin(2 pi place) + c(x, y) cos(2 pi place)``: the pixels sample
    light that is sharper than they are.  How it is distributed changes over the field, with the
    focus, and so do ``s`` and ``c``: sums of Chebyshev polynomials.  The size of the terms of each
    degree is the one that makes the values likeliest, as in
    `tica_fn.kernels.stars.field_evidence.fit_field_by_evidence`.

    Parameters
    ----------
    x, y : ndarray
        (n,) float64: where in the field, -1 to 1.
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
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(-1, 1, (2, 300))
    >>> places = rng.uniform(0, 9, (2, 300))
    >>> wanted = 0.02 * x * np.sin(2 * np.pi * places)
    >>> values = wanted + rng.normal(0, 0.002, wanted.shape)
    >>> weights, widths = np.full(300, 0.002**-2), np.full(4, 0.02)
    >>> wave, clear = fit_phase_wave(x, y, places, values, weights, widths, 6)
    >>> clear, bool(np.sqrt(np.mean((wave - wanted) ** 2)) < 0.0007)
    (True, True)
    """
    n, top = x.size, widths.size - 1
    out = np.zeros((2, n))
    which = np.flatnonzero(weights > 0.0)
    count = which.size
    while 3 * (top + 1) * (top + 2) > count:
        top -= 1
        if top < 0:
            return out, False
    half = (top + 1) * (top + 2) // 2
    size, width, weight = 2 * half, widths[: top + 1].copy(), weights[which]
    along = chebyshev_polynomials(x[which], 2 * top)
    across = chebyshev_polynomials(y[which], 2 * top)
    columns = np.ascontiguousarray(chebyshev_terms(x[which], y[which], top).T)
    grams, rights = np.empty((2, size, size)), np.empty((2, size, 2))
    for j in range(2):
        turn = 2.0 * np.pi * places[j][which]
        sine, cosine, known = np.sin(turn), np.cos(turn), weight * values[j][which]
        grams[j, :half, :half] = chebyshev_gram(along, across, weight * sine * sine, top)
        grams[j, half:, half:] = chebyshev_gram(along, across, weight * cosine * cosine, top)
        mixed = chebyshev_gram(along, across, weight * sine * cosine, top)
        grams[j, :half, half:], grams[j, half:, :half] = mixed, mixed
        sine, cosine = known * sine, known * cosine
        for a in range(half):
            rights[j, a] = dot_product(columns[a], sine)
            rights[j, half + a] = dot_product(columns[a], cosine)
    # Of both axes and both waves, in the order in which the widths are learnt.
    coefficients, variances = np.zeros((4, half)), np.zeros((4, half))
    solved, factor = np.empty((2, size)), np.empty((size, size))
    for _ in range(rounds):
        for j in range(2):
            held = grams[j].copy()
            a = 0
            for d in range(top + 1):
                for _ in range(d + 1):
                    for b in (a, half + a):
                        held[b, b] += 1e-12 * grams[j, b, b] + 1.0 / (width[d] * width[d])
                    a += 1
            determined = factorise(held, factor)
            solve_factorised(factor, determined, rights[j], solved)
            inverse = inverse_of_factor(factor, determined)
            own = np.sum(inverse * inverse, axis=0)
            for part in range(2):
                coefficients[2 * j + part] = solved[0, part * half : (part + 1) * half]
                variances[2 * j + part] = own[part * half : (part + 1) * half]
        told = widen_by_evidence(width, coefficients, variances)
    explained = 0.0
    everywhere = chebyshev_terms(x, y, top)
    for j in range(2):
        for k in range(n):
            if np.isfinite(places[j, k]):
                s = c = 0.0
                for a in range(half):
                    s += coefficients[2 * j, a] * everywhere[k, a]
                    c += coefficients[2 * j + 1, a] * everywhere[k, a]
                turn = 2.0 * np.pi * places[j, k]
                out[j, k] = s * np.sin(turn) + c * np.cos(turn)
                if weights[k] > 0.0:
                    explained += weights[k] * out[j, k] * (2.0 * values[j, k] - out[j, k])
    return out, explained > _CLEAR[0] * told + _CLEAR[1]
