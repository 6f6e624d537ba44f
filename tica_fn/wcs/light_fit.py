"""The solution fitted to the mean positions of the stars' light.

The positions of the stars are windowed centroids moved by a tie that is smooth over the field.
They scatter little and ignore neighbours, but what the tie gets wrong bends the solution.  The
flux-weighted means themselves have no such error.  They have two others:

* Neighbours and noise, so they are weighed by Student's distribution.
* If star images are narrower than the pixels, or have structure that is, pixels do not sample them
  completely.  Positions are then off by a periodic function of the position within the pixel.  For
  the mean it is a sine in each coordinate, as only the first overtone of the pixels is left of the
  light; its size and phase change over the field with the focus.

So the difference of the means from a first solution is fitted by a field of the solution's degree
and by such waves together, and the solution is moved by the field.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.chebyshev_sums import chebyshev_normal_equations
from tica_fn.kernels.stars.field_and_wave import fit_field_and_wave
from tica_fn.kernels.stars.field_evidence import solve_with_prior
from tica_fn.kernels.stars.polynomial import chebyshev_basis
from tica_fn.wcs.pixel_phase import few_waves
from tica_fn.wcs.plate_stars import FLOOR_PIXELS, plate_stars
from tica_fn.wcs.polynomial_fit import (
    HALF,
    MIDDLE,
    PlateFit,
    finish_plate,
    fit_stars,
    judge_stars,
    move_plate,
    prior_widths,
)

__all__ = ["fit_plate_to_light"]

WAVE_WIDTHS = np.full(10, 0.01)
"""First guess of the sizes in pixels of the Chebyshev terms of each degree of the waves."""
FEW = 4
"""Degrees of a wave that is small."""
ROUNDS = 3


def fit_plate_to_light(
    places: Array,
    light: Array,
    ra: Array,
    dec: Array,
    tmag: Array,
    error: Array,
    held: Array,
    degree: int,
) -> tuple[PlateFit, Array]:
    """Fit a solution whose smooth part is that of the means of the stars' light.

    `places`: (2, n) positions of the stars, pixels; `light`: (2, n) their flux-weighted means.
    Gives the solution, and the positions to go with it, (2, n): moved by what they differ smoothly
    from the means; or, if there are waves, the means without them, but for stars that would be
    clipped, such as those with a neighbour in the aperture.  `held` stars do not move.
    """
    stars = plate_stars(places, ra, dec, tmag, error, held, degree)
    plate = fit_stars(stars, places, rough=True)
    rest = np.linalg.inv(plate.cd) @ plate.residual / 3600.0
    expected = places + rest
    u, v = np.where(stars.fine, (expected - np.reshape(MIDDLE, (2, 1))) / HALF, 0.0)
    basis, widths = chebyshev_basis(u, v, WAVE_WIDTHS.size - 1), prior_widths(plate.degree)
    off = np.where(held, -rest, light - expected)
    given = *basis, expected, off, np.hypot(error, FLOOR_PIXELS), widths
    terms = basis[1][: (plate.degree + 1) * (plate.degree + 2) // 2]
    field, wave, weights = fit_field_and_wave(*given, np.empty(0), ROUNDS)
    few, clear, large = few_waves(*basis, expected, off - field @ terms, weights)
    if clear:
        guess = WAVE_WIDTHS if large else WAVE_WIDTHS[:FEW]
        start = field @ terms + few
        field, wave, weights = fit_field_and_wave(*given, guess, ROUNDS, start)
    plate = move_plate(plate, field)
    own = np.isfinite(light) & ~held
    away = _smooth(basis[0], np.where(held, 0.0, weights), light - places, widths) @ terms
    tied = moved = np.where(held, places, places + away)
    if large:
        tied, moved = np.where(own, tied - wave, tied), np.where(own, light - wave, tied)
    plate = judge_stars(plate, stars, moved)
    if large and not plate.used[stars.fine].all():
        moved = np.where(plate.used, moved, tied)
        plate = judge_stars(plate, stars, moved)
    return attrs.evolve(finish_plate(plate, max(degree, 6)), weights=weights), moved


def _smooth(terms: Array, weights: Array, values: Array, widths: Array) -> Array:
    """Coefficients of a field through values, a prior of some widths on them, (2, terms)."""
    gram, right = chebyshev_normal_equations(terms, weights, values, widths.size - 1)
    out, variances = np.empty((2, len(gram))), np.empty(len(gram))
    prior = np.repeat(widths, np.arange(1, widths.size + 1)) ** -2.0
    solve_with_prior(gram, right, prior, out, variances)
    return out
