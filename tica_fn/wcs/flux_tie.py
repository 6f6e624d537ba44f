"""Tying precise centroids to the flux centroid, smoothly over the field.

The Gaussian-windowed centroid hardly sees neighbours and noise, but where a star's image is
lopsided it is not where its light is on average.  The flux-weighted mean over a wide square is,
but it is noisier by far.  Their difference belongs to the optics:

* a smooth function of the field, of the degree up to nine that the data ask for, in which every
  star is judged afresh each round;
* where stars are narrower than the pixels, a wave of the place within the pixel as well, which
  the windowed centroid feels and the sum of light does not.

The square is 17 x 17 pixels unless the field is crowded, so that the answer is uncertain: then a
smaller one whose answer is surer is taken, as long as it agrees with the larger ones within what
these can tell (Lepski's rule).  An answer that is uncertain by more than a twentieth of a pixel
counts for less.
"""

from __future__ import annotations

import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.normal_equations import normal_equations
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.kernels.stars.smooth_field import fit_chebyshev_field

__all__ = ["tie_to_flux"]

WIDTHS = np.array([np.inf, np.inf, np.inf, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.005])
"""Sizes in pixels that the Chebyshev terms of each degree are held to."""
CLIP_SIGMA, ROUNDS = 4.0, 12
LEAST = 0.1
"""Scatter that stars are judged by at least, in units of their expected errors."""
PENALTY = 2.5
"""For each term and axis.  That of the Bayesian criterion, 7, gives crowded fields too few terms;
none makes simple images follow the noise."""
UNSEEN = 0.03
"""Pixels that unseen neighbours add to any star's mean."""
SURE = 0.002
"""Uncertainty in pixels up to which no smaller square is tried."""
PHASE_DEGREE = 2
LARGEST_TIE = 0.05
AGREE = 1.5


def tie_to_flux(
    windowed: Array, means: Array, u: Array, v: Array, noise: Array, good: Array
) -> tuple[Array, int]:
    """Fit flux centroids less windowed ones.

    Parameters
    ----------
    windowed : ndarray
        (2, n) float64: windowed centroids, offsets from the middle of the star's pixel.
    means : ndarray
        (sizes, 2, n) float64: flux-weighted means in squares of several sizes, the largest first.
    u, v : ndarray
        (n,) float64: place in the field, -1 to 1.
    noise : ndarray
        (n,) float64: standard error of the largest square's mean, pixels.
    good : ndarray
        (n,) bool: stars to learn from.

    Returns
    -------
    tie : ndarray
        (2, n) float64: what to add to the windowed centroids, pixels.
    degree : int
        Degree of the field; -1 when nothing could be learnt (`tie` is 0 then).
    """
    weights = np.where(good & np.isfinite(noise), 1.0 / (noise**2 + UNSEEN**2), 0.0)
    tried: list[tuple[Array, float]] = []
    best, best_degree, best_error = np.zeros_like(windowed), -1, np.inf
    phase = np.zeros_like(windowed)
    for size, mean in enumerate(means):
        off = mean - windowed
        smooth, degree, used, _ = fit_chebyshev_field(
            u, v, off, weights, WIDTHS, CLIP_SIGMA, LEAST, PENALTY, ROUNDS
        )
        if degree < 0:
            break
        rest = off - smooth
        # Noise hides terms from the choice of the degree, too: six are reckoned with at least.
        terms = max((degree + 1) * (degree + 2) / 2, 6)
        error = float(np.sqrt(np.mean(rest[:, used] ** 2) * terms / max(used.sum() - terms, 1)))
        apart = [
            np.sqrt(np.mean((smooth - other)[:, used] ** 2)) / np.hypot(error, other_error)
            for other, other_error in tried
        ]
        if size and max(apart) > AGREE:
            break
        if size == 0:
            phase = _phase_wave(windowed, rest, weights * used, u, v)
        tried.append((smooth, error))
        if error < best_error:
            best, best_degree, best_error = smooth, degree, error
        if error < SURE:
            break
    if best_degree < 0:
        return best, -1
    trust = 1.0 / (1.0 + (best_error / LARGEST_TIE) ** 2)
    return best * trust + phase, int(best_degree)


def _phase_wave(windowed: Array, rest: Array, weights: Array, u: Array, v: Array) -> Array:
    """Fit what is left as waves of the place within the pixel; 0 where they explain nothing."""
    out = np.zeros_like(rest)
    use = weights > 0.0
    count = int(np.count_nonzero(use))
    field = polynomial_terms(u, v, PHASE_DEGREE)
    for axis in range(2):
        turn = 2.0 * np.pi * np.nan_to_num(windowed[axis])
        waves = np.stack([np.sin(turn), np.cos(turn), np.sin(2.0 * turn), np.cos(2.0 * turn)])
        # Column order: all waves constant over the field first, then those that vary.
        terms = np.ascontiguousarray((field.T[:, None, :] * waves[None]).reshape(-1, u.size).T)
        gram, right = normal_equations(terms, weights, rest[axis : axis + 1])
        total = float(np.sum(weights[use] * rest[axis, use] ** 2))
        least = count * np.log(max(total, 1e-300))
        for degree in range(PHASE_DEGREE + 1):
            size = 2 * (degree + 1) * (degree + 2)
            if count < 5 * size:
                break
            part = gram[:size, :size] + 1e-9 * np.diag(np.diag(gram)[:size])
            solved = np.linalg.solve(part, right[:size, 0])
            left = max(total - float(solved @ right[:size, 0]), 1e-9 * total)
            score = count * np.log(max(left, 1e-300)) + size * np.log(count)
            if score < least:
                least, out[axis] = score, terms[:, :size] @ solved
    return out
