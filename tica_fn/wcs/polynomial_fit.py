"""Fit of a solution to measured stars: robust and linear, with the tangent point at CRPIX.

The polynomials are sums of products of Chebyshev polynomials over the science area.  Terms of
degree five and more are constrained towards zero by a prior.  With a thousand stars it has no
effect; with few it keeps corners without stars reasonable.  (A prior on powers would bend the
corners.)

In every round all stars are compared anew with others of similar brightness, so that a star left
out by a worse fit can come back.  Whole blocks are left out only if their stars disagree with each
other: if they agree, the polynomial is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import attrs
import numpy as np
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_array, frozen_floats
from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.chebyshev_sums import chebyshev_normal_equations
from tica_fn.kernels.stars.normal_equations import residuals, solve_normal
from tica_fn.kernels.stars.polynomial import chebyshev_basis, chebyshev_terms, polynomial_values
from tica_fn.wcs.plate_stars import DEG_PER_PIXEL, PlateStars, clip_stars, plate_stars
from tica_fn.wcs.solution import CRPIX, SCALE, Solution, make_solution
from tica_fn.wcs.sphere import angles_of_vectors, plane_to_sky, unit_vectors, vectors_to_plane

__all__ = ["DEGREE", "PlateFit", "fit_plate"]

DEGREE = 7
"""Degree that fits TESS's optics to some milliarcseconds; 6 is off by up to 0.4 arcsec."""
HUBER_SIGMA = 2.0
ROUNDS, ROUGH = 15, 2
"""Most rounds in which stars are judged, and those of a rough fit."""
SETTLED_DEG = 1e-12
"""Constant term of the polynomials below which the tangent point has converged."""
PRIOR_PIXELS = {5: 0.05, 6: 0.015, 7: 0.004, 8: 0.002, 9: 0.001}
"""Standard deviations of the prior on Chebyshev coefficients: a few times those of the optics."""
MIDDLE, HALF = (1068.5, 1024.5), 1024.0
NODES = 14
"""Places on a side at which fitted polynomials are moved."""
_CRPIX = np.reshape(CRPIX, (2, 1))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class PlateFit(Record):
    """A solution and the residuals of its stars.

    Parameters
    ----------
    solution : Solution
        The solution.
    used : ndarray
        (n,) bool: stars that were not clipped.
    residual_ra, residual_dec : ndarray
        (n,) float64: catalogue minus solution at the measured pixel, arcsec on the tangent plane.
    degree : int
        Degree that was fitted.
    weights : ndarray, optional
        (n,) float64: inverse variances in pixels with which the stars decided the smooth part of
        the solution, if not by their residuals.
    """

    solution: Solution
    used: Array = attrs.field(converter=frozen_array)
    residual_ra: Array = attrs.field(converter=frozen_array)
    residual_dec: Array = attrs.field(converter=frozen_array)
    degree: int
    weights: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(frozen_floats)
    )


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
        (n,) measured pixels, the first one's centre at 1; NaN for stars to be ignored.
    ra, dec : array_like
        (n,) catalogue positions, degrees, at the frame's date.
    tmag : array_like
        (n,) TESS magnitudes; clipping compares stars of similar magnitude.
    error : array_like
        (n,) standard error of the measured pixels.
    hold : array_like, optional
        (n,) bool: stars that are never clipped.
    degree : int
        Degree of the polynomials, 1 to 9; lowered if there are too few stars for it, or none in a
        whole row or column of the 5 x 5 blocks.
    clip : bool
        Whether to clip stars, in every round at 25 arcsec and at 5 robust standard deviations.

    Returns
    -------
    PlateFit
        Solution and residuals; its SIP polynomials have the requested degree, but at least 6.

    Raises
    ------
    ValueError
        If fewer than 6 stars are measured, or there is no such degree.
    """
    hold = np.zeros(np.size(columns), bool) if hold is None else hold
    places = np.stack([np.asarray(columns, float), np.asarray(rows, float)])
    stars = plate_stars(places, ra, dec, tmag, error, hold, degree, clip)
    return finish_plate(fit_stars(stars, places), max(degree, 6))


@attrs.frozen(eq=False)
class Plate:
    """Fitted polynomials of the tangent plane, the stars used, and residuals in arcsec."""

    crval: tuple[float, float]
    powers: Array
    used: Array
    residual: Array
    degree: int

    @property
    def cd(self) -> Array:
        """(2, 2) degrees per pixel."""
        return np.asarray(self.powers[:, 1:3] / SCALE)


def fit_stars(stars: PlateStars, places: Array, rough: bool = False) -> Plate:
    """Fit the polynomials to stars at measured places, (2, n) pixels.

    A rough fit, to be moved, judges the stars in few rounds, and its tangent point may be a little
    off the direction of CRPIX.
    """
    degree, fine = stars.degree, stars.fine
    x = np.where(fine, (places[0] - MIDDLE[0]) / HALF, 0.0)
    y = np.where(fine, (places[1] - MIDDLE[1]) / HALF, 0.0)
    terms, columns = chebyshev_basis(x, y, degree)
    used, prior = fine, np.zeros(len(columns))
    centre = angles_of_vectors(stars.vectors[fine].mean(axis=0))
    crval = (float(centre[0]), float(centre[1]))

    def solve(aim: Array) -> Array:
        return _solve(terms, stars.weights, aim, _prior(1), 1)

    crval, _, _ = _touch(solve, stars.vectors, crval, 1, 2)
    if stars.clip:  # Otherwise the points are a map to be followed.
        aim = vectors_to_plane(stars.vectors, *crval)
        used, prior = _judge(terms, columns, aim, stars, ROUGH if rough else ROUNDS)
    weights = np.where(used, stars.weights, 0.0)

    def solve_all(aim: Array) -> Array:
        return _solve(terms, weights, aim, prior, degree)

    crval, plane, aim = _touch(solve_all, stars.vectors, crval, degree, 1 if rough else 4)
    residual = np.where(fine, residuals(columns, plane, aim) * 3600.0, np.nan)
    return Plate(crval, plane @ _powers(degree), used, residual, degree)


def move_plate(plate: Plate, field: Array) -> Plate:
    """Move fitted polynomials over the pixels; its stars are to be judged again.

    `field`: (2, terms) float64, coefficients of Chebyshev terms of the plate's degree, pixels.
    """
    nodes, terms, fit = _nodes(plate.degree)
    before = (nodes - field @ terms - _CRPIX) / SCALE
    xi, eta = polynomial_values(plate.powers, before[0], before[1], plate.degree)
    seen = unit_vectors(*plane_to_sky(xi, eta, *plate.crval))
    crval, plane, _ = _touch(lambda aim: aim @ fit, seen, plate.crval, plate.degree, 4)
    return attrs.evolve(plate, crval=crval, powers=plane @ _powers(plate.degree))


def judge_stars(plate: Plate, stars: PlateStars, places: Array) -> Plate:
    """Residuals of stars at measured places, (2, n) pixels, and which of them to use."""
    at = (np.where(stars.fine, places, _CRPIX) - _CRPIX) / SCALE
    found = polynomial_values(plate.powers, at[0], at[1], plate.degree)
    residual = (vectors_to_plane(stars.vectors, *plate.crval) - found) * 3600.0
    residual = np.where(stars.fine, residual, np.nan)
    return attrs.evolve(plate, used=clip_stars(residual, stars), residual=residual)


def finish_plate(plate: Plate, order: int) -> PlateFit:
    """Solution of fitted polynomials, with SIP polynomials of the given order."""
    return PlateFit(
        solution=make_solution(plate.crval, plate.powers, order),
        used=plate.used,
        residual_ra=plate.residual[0],
        residual_dec=plate.residual[1],
        degree=plate.degree,
    )


def prior_widths(degree: int) -> Array:
    """Standard deviations of the prior on the coefficients of each degree, pixels."""
    return np.array([PRIOR_PIXELS.get(d, np.inf) for d in range(degree + 1)])


def _judge(
    terms: Array, columns: Array, aim: Array, stars: PlateStars, rounds: int
) -> tuple[Array, Array]:
    """Stars to keep, and the prior scaled to their scatter."""
    used, soft, prior = stars.fine, np.ones(stars.fine.size), _prior(stars.degree)
    seen: list[Array] = []
    roots = np.sqrt(stars.weights)
    for _ in range(rounds):
        weights = np.where(used, stars.weights, 0.0) * soft
        plane = _solve(terms, weights, aim, prior, stars.degree)
        residual = residuals(columns, plane, aim)
        size = np.hypot(*residual) * roots
        # The median length of a pair of normal deviates is 1.1774.
        scatter = max(median(size[used]) / 1.1774, 1e-3)
        prior = _prior(stars.degree) * scatter**2
        with np.errstate(divide="ignore"):
            soft = np.minimum(1.0, HUBER_SIGMA * scatter / size)
        keep = clip_stars(residual * 3600.0, stars)
        if np.count_nonzero(keep) < 2 * len(columns):
            break
        # If the rounds cycle between sets, any of them will do.
        if any(np.array_equal(keep, before) for before in seen):
            used = keep
            break
        seen.append(keep)
        used = keep
    return used, prior


def median(values: Array) -> float:
    """Median of a fresh array, which is put in another order."""
    return median_in_place(values, values.size)


def _solve(terms: Array, weights: Array, aim: Array, prior: Array, degree: int) -> Array:
    gram, right = chebyshev_normal_equations(terms, weights, aim, degree)
    diagonal = gram.reshape(-1)[:: len(gram) + 1]
    diagonal += prior + 1e-12 * diagonal
    return solve_normal(gram, right)


def _touch(
    solve: Callable[[Array], Array],
    vectors: Array,
    crval: tuple[float, float],
    degree: int,
    rounds: int,
) -> tuple[tuple[float, float], Array, Array]:
    """Fit that moves the tangent point to the direction of CRPIX.

    `solve` gives the coefficients for directions on the plane.  Gives the tangent point, the
    coefficients, and the directions on the plane.
    """
    to_powers = _powers(degree)
    for k in range(rounds):
        aim = vectors_to_plane(vectors, *crval)
        plane = solve(aim)
        xi, eta = plane @ to_powers[:, 0]
        if np.hypot(xi, eta) < SETTLED_DEG or k == rounds - 1:
            break
        moved_ra, moved_dec = plane_to_sky(xi, eta, *crval)
        crval = (float(moved_ra), float(moved_dec))
    return crval, plane, aim


@cache
def _nodes(degree: int) -> tuple[Array, Array, Array]:
    """Chebyshev nodes over the science area, the terms there, and the matrix of a fit.

    (2, nodes) pixels, (terms, nodes) and (nodes, terms) float64.  On these nodes the terms are
    orthogonal.
    """
    side = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    terms = chebyshev_terms(x, y, degree)
    fit = terms / (terms**2).sum(axis=0)
    places = np.reshape(MIDDLE, (2, 1)) + HALF * np.stack([x, y])
    return frozen_floats(places), frozen_floats(terms.T), frozen_floats(fit)


@cache
def _prior(degree: int) -> Array:
    """Inverse variances of the prior on the highest terms, on the scale of the weights."""
    width = np.repeat(prior_widths(degree), np.arange(1, degree + 2))
    return frozen_floats((1.0 / (width * DEG_PER_PIXEL)) ** 2)


@cache
def _powers(degree: int) -> Array:
    """Matrix from Chebyshev coefficients to those of powers of ``(pixel - CRPIX) / SCALE``.

    (terms, terms) float64.
    """
    inner = [Polynomial([(CRPIX[k] - MIDDLE[k]) / HALF, SCALE / HALF]) for k in range(2)]
    single = np.zeros((2, degree + 1, degree + 1))
    for k in range(2):
        for d in range(degree + 1):
            own = Polynomial(chebyshev.cheb2poly(np.eye(degree + 1)[d]))(inner[k]).coef
            single[k, d, : own.size] = own[: degree + 1]
    pairs = [(d - j, j) for d in range(degree + 1) for j in range(d + 1)]
    out = [[single[0, i, a] * single[1, j, b] for a, b in pairs] for i, j in pairs]
    return frozen_array(np.array(out), np.float64)
