"""Errors of centroids that depend on the position within the pixel.

If star images are narrower than the pixels, or have structure that is, pixels do not sample them
completely.  Both the windowed centroid and the flux-weighted mean are then off by a periodic
function of the position within the pixel.  Its size changes over the field with the focus.  The
tie between the two removes the difference of their errors; the mean's own error can only be seen
in the distance from the catalogue's positions (`tica_fn.wcs.light_fit`).
"""

from __future__ import annotations

import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.phase_wave import fit_phase_wave

__all__ = ["few_waves", "phase_wave"]

WIDTHS = np.array([0.05, 0.05, 0.03, 0.03, 0.02, 0.02, 0.01, 0.01])
"""First guess of the sizes in pixels of the Chebyshev terms of each degree."""
FEW, LEARNT = 4, 2
"""Degrees that tell whether there is a wave at all; rounds in which the sizes are learnt."""
SMALL = 0.001
"""Rms of a wave in pixels below which one fit of few terms is enough."""


def phase_wave(terms: Array, columns: Array, places: Array, values: Array, weights: Array) -> Array:
    """Wave in the values, (2, n) pixels, 0 if there is none; of few terms if it is small.

    See `tica_fn.kernels.stars.phase_wave.fit_phase_wave`.
    """
    given = terms, columns, places, values, weights
    wave, _, large = few_waves(*given)
    return fit_phase_wave(*given, WIDTHS, LEARNT)[0] if large else wave


def few_waves(
    terms: Array, columns: Array, places: Array, values: Array, weights: Array
) -> tuple[Array, bool, bool]:
    """Fit a wave of few terms: it, or 0 if it is not clear; whether it is; whether it is large."""
    wave, clear = fit_phase_wave(terms, columns, places, values, weights, WIDTHS[:FEW], LEARNT)
    if not clear:
        return np.zeros_like(places), False, False
    return wave, True, bool(np.mean(wave[:, weights > 0.0] ** 2) >= SMALL**2)
