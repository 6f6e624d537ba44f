"""Error to expect of a solution, in its corners and at most, from where its stars are.

A solution is a weighted fit of Chebyshev terms with a prior on those of high degree.  Its error at
a place has two sources: the scatter of the stars, and what the optics have that the fit holds back
or leaves out.  With ``T`` the terms at the stars, ``W`` the weights (inverse variances), ``P`` the
prior's inverse variances and ``t`` the terms at the place:

* ``A = inverse(T' W T + P)`` gives the coefficients as ``A T' W`` times the places of the stars;
* the variance by their scatter is ``t A (T' W T) A t'``;
* a term of the optics, ``x`` at the stars and at the place, moves the fit there by
  ``x - t A T' W x`` times its coefficient.  The sizes of the coefficients are those of tess-point's
  map of the optics;
* stars that are held at their places in the reference image are wrong together: what they share
  moves the fit by ``t A T' W`` of it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tica_fn.immutable import Array, frozen_array
from tica_fn.kernels.stars.chebyshev_sums import chebyshev_normal_equations
from tica_fn.kernels.stars.polynomial import chebyshev_terms
from tica_fn.wcs.polynomial_fit import HALF, MIDDLE, prior_widths
from tica_fn.wcs.solution import PIXEL_ARCSEC

__all__ = ["MUCH_ARCSEC", "NO_ERRORS", "UNKNOWN", "expected_errors"]

UNKNOWN = -1.0
MUCH_ARCSEC = 2.1
"""A tenth of a pixel: more is said when a frame is solved, and flagged."""
_SIZES = np.array([12.0, 12.0, 12.0, 0.88, 0.067, 0.0125, 0.0018, 0.0005, 0.00005, 0.00001])
"""Pixels: rms of the optics' coefficients of each degree on 16 CCDs; for 0 and 1 that of 2."""
_ORDER = 7
"""Degree of the terms that may be left out; those beyond are too small to matter."""
_SCATTER, _OPTICS = 3.0, 2.5
"""Errors of stars near each other are alike, and the optics' terms add up in the corners."""
_SIDE = 9
_CORNERS = np.array([0, _SIDE - 1, _SIDE * (_SIDE - 1), _SIDE * _SIDE - 1])
_KEYS = ("ERRX0", "ERRX1", "ERRX2", "ERRX3", "ERRMAX")
NO_ERRORS = dict.fromkeys(_KEYS, UNKNOWN)
"""If nothing is known of the error."""


def expected_errors(
    places: Array, weights: Array, degree: int, common: float, held: Array, held_error: float
) -> dict[str, float]:
    """Rms errors to expect, arcsec, by keyword: ERRX0 to ERRX3 of the corners, ERRMAX at most.

    `places`: (2, n) pixels of the stars; `weights`: (n,) inverse variances with which they decided
    the fit, pixels, 0 for none; `degree`: that of the fit; `common`: error that all stars share,
    pixels; `held`: (n,) bool, stars that share an error of `held_error` pixels among themselves.
    """
    error = error_over_grid(places, weights, degree, common, held, held_error)
    if error is None:
        return dict(NO_ERRORS)
    return dict(zip(_KEYS, [*error[_CORNERS].tolist(), float(error.max())], strict=True))


def error_over_grid(
    places: Array, weights: Array, degree: int, common: float, held: Array, held_error: float
) -> Array | None:
    """Rms error to expect over 9 x 9 places of the science area with its edges, arcsec."""
    seen = (weights > 0.0) & np.isfinite(places).all(axis=0)
    u, v = np.ascontiguousarray((places[:, seen] - np.reshape(MIDDLE, (2, 1))) / HALF)
    order = max(degree, _ORDER)
    few, shared = (degree + 1) * (degree + 2) // 2, held[None, seen].astype(float)
    # Not a product of numpy's: BLAS would keep all processors busy for it.
    terms = chebyshev_terms(u, v, 2 * order)
    gram, together = chebyshev_normal_equations(terms, weights[seen], shared, order)
    prior = np.repeat(prior_widths(degree), np.arange(1, degree + 2)) ** -2.0
    try:
        inverse = np.linalg.inv(gram[:few, :few] + np.diag(prior))
    except np.linalg.LinAlgError:
        return None
    at = _terms_at_places(order)
    share = at[:, :few] @ inverse
    scatter = np.einsum("ij,ij->i", share @ gram[:few, :few], share)
    sizes = np.repeat(_SIZES[: order + 1], np.arange(1, order + 2))
    optics = ((at - share @ gram[:few]) ** 2) @ sizes**2
    pulled = share @ together[:few, 0]
    common_squared = common**2 + (pulled * held_error) ** 2
    variance = _SCATTER**2 * scatter + _OPTICS**2 * optics + common_squared
    # The length of an error has two coordinates.
    return np.asarray(PIXEL_ARCSEC * np.sqrt(2.0 * variance))


@cache
def _terms_at_places(degree: int) -> Array:
    """Terms over a grid of the science area with its edges, (places, terms) float64."""
    side = np.linspace(-1.0, 1.0, _SIDE)
    u, v = (axis.ravel() for axis in np.meshgrid(side, side))
    return frozen_array(chebyshev_terms(u, v, degree), np.float64)
