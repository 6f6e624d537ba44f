"""Tie of precise centroids to the flux centroid, smooth over the field.

The Gaussian-windowed centroid is insensitive to neighbours and noise, but for an asymmetric star
image it differs from the mean position of the light.  The flux-weighted mean over a wide square
measures that position, but is far noisier.  Their difference is a property of the optics:

* a smooth function of the field, whose roughness is learnt from the stars and in which undetected
  neighbours count little (`tica_fn.kernels.stars.field_evidence`);
* if stars are narrower than the pixels, also a periodic function of the position within the pixel
  (`tica_fn.wcs.pixel_phase`).

The mean is taken in nested apertures.  The contribution of each ring is a field of its own, and the
tie is the sum of all.  A neighbour affects only the rings in which it lies, so most stars
contribute to each ring.  A ring whose field is not larger than its own uncertainty is left out.  A
tie that is uncertain by more than a twentieth of a pixel is reduced.
"""

from __future__ import annotations

import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.field_evidence import fit_field_by_evidence
from tica_fn.kernels.stars.polynomial import chebyshev_basis
from tica_fn.wcs.pixel_phase import phase_wave

__all__ = ["tie_to_flux"]

WIDTHS = np.array([np.inf, 1.0, 0.5, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01, 0.01, 0.01])
"""First guess of the sizes in pixels of the Chebyshev terms of each degree."""
RING_WIDTHS = np.array([0.2, 0.2, 0.2, 0.1, 0.05, 0.03, 0.02, 0.015, 0.01, 0.01])
ROUNDS, LAST, ROUGH = 3, 3, 9
"""Rounds that find a field roughly, and finely; highest degree of the former."""
SETTLED = 1e-4
FLOOR = 0.005
"""Error in pixels added in quadrature to that of any star's mean."""
CLEAR = 2.0
"""A ring's field must be larger than so many times its own variance to be more than noise."""
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
    tie, _, degree = tie_and_light(windowed, means, u, v, noise, good)
    return tie, degree


def tie_and_light(
    windowed: Array, means: Array, u: Array, v: Array, noise: Array, good: Array
) -> tuple[Array, Array, int]:
    """The tie; the stars' own means with the smooth part of the light beyond; the degree.

    The means, (2, n) pixels, are those of the innermost aperture; NaN if nothing could be learnt.
    """
    errors = np.where(good, np.hypot(noise, FLOOR), np.nan)
    basis = chebyshev_basis(u, v, WIDTHS.size - 1)
    tie, spread, degree, wave = _innermost(windowed, means[-1], errors, *basis)
    if degree < 0:  # Too few stars have the whole aperture.
        return np.zeros_like(windowed), np.full_like(windowed, np.nan), -1
    risk, inner = spread**2, means[-1]
    beyond, doubt = np.zeros_like(tie), 0.0
    for mean in means[-2::-1]:
        field, spread, its_degree, _ = fit_field_by_evidence(
            *basis, mean - inner, errors, RING_WIDTHS, ROUGH, ROUNDS, LAST, SETTLED
        )
        if its_degree < 0:
            break
        if np.mean(np.sum(field[:, good] ** 2, axis=0)) > CLEAR * spread**2:
            beyond, doubt = beyond + field, doubt + spread**2
        inner = mean
    light = means[-1] + beyond * _trust(doubt)
    return (tie + beyond) * _trust(risk + doubt) + wave, light, degree


def _trust(risk: float) -> float:
    """Share of a tie of some variance to apply."""
    return 1.0 / (1.0 + 0.5 * risk / LARGEST_TIE**2)


def _innermost(
    windowed: Array, mean: Array, errors: Array, terms: Array, columns: Array
) -> tuple[Array, float, int, Array]:
    """Field and wave of the innermost aperture, the field's uncertainty and its degree.

    The place within the pixel is that of the light, which the field gives: the windowed centroid's
    own wave would bend the average.
    """
    apart = mean - windowed
    field, spread, degree, weights = fit_field_by_evidence(
        terms, columns, apart, errors, WIDTHS, ROUGH, ROUNDS, LAST, SETTLED
    )
    wave = np.zeros_like(windowed)
    if degree >= 0:
        wave = phase_wave(terms, columns, windowed + field, apart - field, weights)
    return field, spread, degree, wave
