"""Tie of precise centroids to the flux centroid, smooth over the field.

The Gaussian-windowed centroid is insensitive to neighbours and noise, but for an asymmetric star
image it differs from the mean position of the light.  The flux-weighted mean over a wide square
measures that position, but is far noisier.  Their difference is a property of the optics:

* a smooth function of the field, whose roughness is learnt from the stars and in which undetected
  neighbours count little (`tica_fn.kernels.stars.field_evidence`);
* if stars are narrower than the pixels, also a periodic function of the position within the pixel,
  which affects the windowed centroid but not the sum of light.

The mean is taken in nested apertures.  The contribution of each ring is a field of its own, and the
tie is the sum of all.  A neighbour affects only the rings in which it lies, so most stars
contribute to each ring.  A ring whose field is not larger than its own uncertainty is left out.  A
tie that is uncertain by more than a twentieth of a pixel is reduced.
"""

from __future__ import annotations

import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.field_evidence import fit_field_by_evidence
from tica_fn.kernels.stars.normal_equations import normal_equations
from tica_fn.kernels.stars.polynomial import polynomial_terms

__all__ = ["tie_to_flux"]

WIDTHS = np.array([np.inf, 1.0, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01, 0.01, 0.01])
"""First guess of the sizes in pixels of the Chebyshev terms of each degree."""
RING_WIDTHS = np.array([0.2, 0.2, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01, 0.01])
ROUNDS, LAST = 3, 3
SETTLED = 1e-4
FLOOR = 0.005
"""Error in pixels added in quadrature to that of any star's mean."""
CLEAR = 2.0
"""A ring's field must be larger than so many times its own variance to be more than noise."""
PHASE_DEGREE = 2
LARGEST_TIE = 0.05


def tie_to_flux(
    windowed: Array, means: Array, u: Array, v: Array, noise: Array, good: Array
) -> tuple[Array, int]:
    """Fit the difference between flux centroids and windowed ones.

    Parameters
    ----------
    windowed : ndarray
        (2, n) float64: windowed centroids, offsets from the middle of the star's pixel.
    means : ndarray
        (sizes, 2, n) float64: flux-weighted means in apertures around the star, the largest first,
        each within the one before it.
    u, v : ndarray
        (n,) float64: position in the field, -1 to 1.
    noise : ndarray
        (n,) float64: standard error of the largest aperture's mean, pixels.
    good : ndarray
        (n,) bool: stars to learn from.

    Returns
    -------
    tie : ndarray
        (2, n) float64: correction to add to the windowed centroids, pixels.
    degree : int
        Highest degree of the field above the noise in the innermost aperture; -1 if nothing could
        be learnt (`tie` is then 0).
    """
    errors = np.where(good, np.hypot(noise, FLOOR), np.nan)
    tie, wave, risk, degree = np.zeros_like(windowed), np.zeros_like(windowed), 0.0, -1
    inner = windowed
    for k, mean in enumerate(means[::-1]):
        own = WIDTHS if k == 0 else RING_WIDTHS
        field, spread, its_degree, weights = fit_field_by_evidence(
            u, v, mean - inner, errors, own, own.size - 1, ROUNDS, LAST, SETTLED
        )
        if its_degree < 0:  # Too few stars have the whole aperture.
            break
        if k == 0:
            degree = its_degree
            wave = _phase_wave(windowed, mean - inner - field, weights, u, v)
        if k == 0 or np.mean(np.sum(field[:, good] ** 2, axis=0)) > CLEAR * spread**2:
            tie, risk = tie + field, risk + spread**2
        inner = mean
    trust = 1.0 / (1.0 + 0.5 * risk / LARGEST_TIE**2)
    return tie * trust + wave, int(degree)


def _phase_wave(windowed: Array, rest: Array, weights: Array, u: Array, v: Array) -> Array:
    """Fit the rest as waves of the position within the pixel; 0 if they explain nothing."""
    out = np.zeros_like(rest)
    use = weights > 0.0
    count = int(np.count_nonzero(use))
    field = polynomial_terms(u, v, PHASE_DEGREE)
    for axis in range(2):
        turn = 2.0 * np.pi * np.nan_to_num(windowed[axis])
        waves = np.stack([np.sin(turn), np.cos(turn), np.sin(2.0 * turn), np.cos(2.0 * turn)])
        # Order of the columns: first the waves that are constant over the field, then the others.
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
