"""The fit of a solution to measured stars: robust, linear, its tangent point moved to CRPIX.

Terms of degree five and six are held near zero with the strength of half and a quarter of a
pixel at the edge: a thousand stars do not feel it, and corners without stars stay sane.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.stars.normal_equations import (
    clip_groups,
    normal_equations,
    residuals,
    solve_normal,
)
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.wcs.solution import CRPIX, PIXEL_ARCSEC, SCALE, Solution, make_solution
from tica_fn.wcs.sphere import angles_of_vectors, plane_to_sky, sky_to_plane, unit_vectors

__all__ = ["PlateFit", "fit_plate"]

DEGREE = 6
CLIP_ARCSEC = 25.0
CLIP_SIGMA = 4.0
MAGNITUDE_BINS = 30
SETTLED_DEG = 1e-12
"""Constant of the polynomials from which on the tangent point is where it should be."""
PRIOR_PIXELS = {5: 0.5, 6: 0.25}


@attrs.frozen(eq=False, repr=False, kw_only=True)
class PlateFit(Record):
    """A solution and how the stars lie about it.

    Parameters
    ----------
    solution : Solution
        The map.
    used : ndarray
        (n,) bool: stars that were not clipped.
    residual_ra, residual_dec : ndarray
        (n,) float64: catalogue less solution at the measured place, arcsec on the tangent plane.
    degree : int
        Degree that was fitted.
    """

    solution: Solution
    used: Array = attrs.field(converter=frozen_array)
    residual_ra: Array = attrs.field(converter=frozen_array)
    residual_dec: Array = attrs.field(converter=frozen_array)
    degree: int


def fit_plate(
    columns: ArrayLike,
    rows: ArrayLike,
    ra: ArrayLike,
    dec: ArrayLike,
    tmag: ArrayLike,
    error: ArrayLike,
    hold: ArrayLike | None = None,
    degree: int = DEGREE,
    clip: bool = True,
) -> PlateFit:
    """Fit a solution to stars.

    Parameters
    ----------
    columns, rows : array_like
        (n,) measured pixels, the first one's centre at 1; NaN for stars that do not count.
    ra, dec : array_like
        (n,) catalogue, degrees, at the frame's date.
    tmag : array_like
        (n,) TESS magnitudes: residuals are clipped against those of stars as bright.
    error : array_like
        (n,) standard error of the places, pixels.
    hold : array_like, optional
        (n,) bool: stars that are never clipped.
    degree : int
        Degree of the polynomials; lowered when there are too few stars for it.
    clip : bool
        Whether to clip: at 25 arcsec, then at 4 robust standard deviations, round by round.

    Returns
    -------
    PlateFit
        Solution and residuals.

    Raises
    ------
    ValueError
        If fewer than 6 stars have places.
    """
    columns, rows = np.asarray(columns, float), np.asarray(rows, float)
    ra, dec, tmag = np.asarray(ra, float), np.asarray(dec, float), np.asarray(tmag, float)
    held = np.zeros(columns.size, bool) if hold is None else np.asarray(hold, bool)
    used = np.isfinite(columns) & np.isfinite(rows) & np.isfinite(ra) & np.isfinite(dec)
    while degree > 1 and np.count_nonzero(used) < 2 * (degree + 1) * (degree + 2) // 2:
        degree -= 1
    if np.count_nonzero(used) < 6:
        raise ValueError(f"{np.count_nonzero(used)} stars are too few to fit a solution to")
    u = np.where(used, (columns - CRPIX[0]) / SCALE, 0.0)
    v = np.where(used, (rows - CRPIX[1]) / SCALE, 0.0)
    terms = polynomial_terms(u, v, degree)
    # Ten thousandths of a pixel are beyond any centroid: the brightest stars do not rule alone.
    weights = 1.0 / (np.asarray(error, float) ** 2 + 0.005**2)
    weights = np.where(np.isfinite(weights), weights, 0.0)
    weights *= (3600.0 / PIXEL_ARCSEC) ** 2

    centre = angles_of_vectors(unit_vectors(ra[used], dec[used]).mean(axis=0))
    crval = (float(centre[0]), float(centre[1]))
    crval, _, _ = _solve(terms[:, :3], used, weights, ra, dec, crval, 1, 2)
    plane = np.zeros((2, terms.shape[1]))
    residual = np.zeros((2, columns.size))
    for k in range(12):
        crval, plane, residual = _solve(terms, used, weights, ra, dec, crval, degree, 1 + (k == 0))
        if not clip:
            break
        keep = _clip(residual, used, held, tmag)
        if np.array_equal(keep, used) or np.count_nonzero(keep) < 2 * terms.shape[1]:
            break
        used = keep
    crval, plane, residual = _solve(terms, used, weights, ra, dec, crval, degree, 3)
    plane[:, 0] = 0.0
    fine = np.isfinite(columns) & np.isfinite(rows)
    residual = np.where(fine, residual * 3600.0, np.nan)
    return PlateFit(
        solution=make_solution(crval, plane),
        used=used,
        residual_ra=residual[0],
        residual_dec=residual[1],
        degree=degree,
    )


def _solve(
    terms: Array,
    used: Array,
    weights: Array,
    ra: Array,
    dec: Array,
    crval: tuple[float, float],
    degree: int,
    rounds: int,
) -> tuple[tuple[float, float], Array, Array]:
    """Weighted least squares, moving the tangent point to where the constant vanishes."""
    weighted = np.where(used, weights, 0.0)
    plane = np.zeros((2, terms.shape[1]))
    aim = np.zeros((2, ra.size))
    for k in range(rounds):
        if k:
            moved = plane_to_sky(plane[0, :1], plane[1, :1], *crval)
            crval = (float(moved[0][0]), float(moved[1][0]))
        aim = np.stack(sky_to_plane(ra, dec, *crval))
        gram, right = normal_equations(terms, weighted, aim)
        gram[np.diag_indices_from(gram)] += _prior(degree) + 1e-12 * np.diag(gram)
        plane = solve_normal(gram, right)
        if np.hypot(*plane[:, 0]) < SETTLED_DEG:
            break
    return crval, plane, residuals(terms, plane, aim)


def _prior(degree: int) -> Array:
    """Inverse variances that hold the highest terms near zero, on the scale of the weights."""
    out = []
    for d in range(degree + 1):
        width = PRIOR_PIXELS.get(d, np.inf)
        out += [(3600.0 / PIXEL_ARCSEC / width) ** 2 if np.isfinite(width) else 0.0] * (d + 1)
    return np.array(out)


def _clip(residual: Array, used: Array, held: Array, tmag: Array) -> Array:
    """Stars within 25 arcsec, and within 4 robust sigma of stars of like magnitude."""
    arcsec = residual * 3600.0
    keep: Array = used & ((np.hypot(*arcsec) < CLIP_ARCSEC) | held)
    free = np.flatnonzero(keep & ~held)
    if free.size < 20:
        return keep
    groups = max(1, min(MAGNITUDE_BINS, free.size // 15))
    order = free[np.argsort(tmag[free], kind="stable")]
    keep[clip_groups(arcsec, order, groups, CLIP_SIGMA)] = False
    return keep
