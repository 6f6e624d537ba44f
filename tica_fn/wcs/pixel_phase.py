"""Errors of centroids that depend on the position within the pixel.

If star images are narrower than the pixels, or have structure that is, pixels do not sample them
completely.  Both the windowed centroid and the flux-weighted mean are then off by a periodic
function of the position within the pixel.  Its size changes over the field with the focus.  The
tie between the two removes the difference of their errors; the mean's own error can only be seen
in the distance from the catalogue's positions.  So it is fitted to the residuals of the solution,
and the stars are corrected for it.  Averaged over stars it is zero, so the solution itself hardly
takes part in it; but its scatter, up to 0.2 arcsec, no longer does harm.
"""

from __future__ import annotations

import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.phase_wave import fit_phase_wave
from tica_fn.kernels.stars.polynomial import chebyshev_basis
from tica_fn.wcs.polynomial_fit import (
    FLOOR_PIXELS,
    HALF,
    MIDDLE,
    PlateFit,
    finish_plate,
    fit_stars,
    median,
    plate_stars,
)

__all__ = ["PhaseWave", "fit_plate_and_phase"]

DEGREE = 7
WIDTHS = np.array([0.05, 0.05, 0.03, 0.03, 0.02, 0.02, 0.01, 0.01])
"""First guess of the sizes in pixels of the Chebyshev terms of each degree."""
FEW, LEARNT = 4, 4
"""Degrees that tell whether there is a wave at all; rounds in which the sizes are learnt."""
SMALL = 0.001
"""Rms of a wave in pixels below which one fit of few terms is enough."""
ROUNDS = 3
SETTLED = 5e-4
FREEDOM = 2.0
"""Of Student's distribution, with which residuals scatter."""


class PhaseWave:
    """Wave in some errors of position, fitted anew as the errors become better known.

    `terms` and `columns` are those of `tica_fn.kernels.stars.phase_wave.fit_phase_wave`.
    """

    def __init__(self, terms: Array, columns: Array) -> None:
        self.field = terms, columns
        self.found = False

    def fit(self, places: Array, values: Array, weights: Array) -> tuple[Array, bool]:
        """Fit the wave; see `fit_phase_wave`.

        Gives the wave, (2, n) pixels, 0 if there is none, and whether it is worth more rounds.
        Few terms tell so at the first time.
        """
        given = *self.field, places, values, weights
        if not self.found:
            wave, clear = fit_phase_wave(*given, WIDTHS[:FEW], FEW)
            if not clear:
                return np.zeros_like(places), False
            if np.mean(wave[:, weights > 0.0] ** 2) < SMALL**2:
                return wave, False
        self.found = True
        return fit_phase_wave(*given, WIDTHS, LEARNT)[0], True


def fit_plate_and_phase(
    places: Array,
    ra: Array,
    dec: Array,
    tmag: Array,
    error: Array,
    held: Array,
    degree: int,
) -> tuple[PlateFit, Array]:
    """Fit a solution, and correct the positions for their place within the pixel.

    Gives the solution and the corrected positions, (2, n) pixels; `held` stars are not corrected.
    """
    stars = plate_stars(places, ra, dec, tmag, error, held, degree)
    plate = fit_stars(stars, places)
    fine = np.isfinite(places).all(axis=0)
    u, v = np.where(fine, (places - np.reshape(MIDDLE, (2, 1))) / HALF, 0.0)
    own = np.hypot(np.where(fine, error, 1.0), FLOOR_PIXELS)
    wave, waves = np.zeros_like(places), PhaseWave(*chebyshev_basis(u, v, DEGREE))
    for k in range(ROUNDS):
        rest = np.linalg.solve(plate.cd, plate.residual / 3600.0)
        use = plate.used & fine & ~held
        far = np.where(use, np.hypot(*rest) / own, 0.0)
        # The median length of a pair of normal deviates is 1.1774.
        scatter = max(median(far[use]) / 1.1774, 1e-6) if use.any() else 1.0
        soft = (FREEDOM + 2.0) / (FREEDOM + (far / scatter) ** 2)
        weights = np.where(use, soft / (own * scatter) ** 2, 0.0)
        found, large = waves.fit(places + wave, rest + wave, weights)
        if not large:
            break
        found[:, held] = 0.0
        moved = np.sqrt(np.mean((found - wave)[:, use] ** 2))
        wave, done = found, bool(moved < SETTLED) or k == ROUNDS - 1
        plate = fit_stars(stars, places + wave, plate, judge=done)
        if done:
            break
    return finish_plate(plate, max(degree, 6)), places + wave
