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

from functools import cache

import attrs
import numpy as np
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.stars.normal_equations import (
    clip_groups,
    normal_equations,
    residuals,
    solve_normal,
)
from tica_fn.kernels.stars.polynomial import chebyshev_terms
from tica_fn.wcs.solution import CRPIX, PIXEL_ARCSEC, SCALE, Solution, make_solution
from tica_fn.wcs.sphere import angles_of_vectors, plane_to_sky, sky_to_plane, unit_vectors
from tica_fn.wcs.star_blocks import BLOCKS, block_of

__all__ = ["DEGREE", "HIGHEST_DEGREE", "PlateFit", "check_degree", "fit_plate"]

DEGREE = 7
"""Degree that fits TESS's optics to some milliarcseconds; 6 is off by up to 0.4 arcsec."""
HIGHEST_DEGREE = 9
"""Highest degree of the SIP convention, whose keywords have one-digit powers."""
CLIP_ARCSEC = 25.0
CLIP_SIGMA = 5.0
HUBER_SIGMA = 2.0
MAGNITUDE_BINS = 30
ROUNDS = 15
SETTLED_DEG = 1e-12
"""Constant term of the polynomials below which the tangent point has converged."""
FLOOR_PIXELS = 0.005
"""Added in quadrature to every star's error, so that the brightest stars do not dominate."""
PRIOR_PIXELS = {5: 0.05, 6: 0.015, 7: 0.004, 8: 0.002, 9: 0.001}
"""Standard deviations of the prior on Chebyshev coefficients: a few times those of the optics."""
AGREE_PIXELS = 0.02
"""Scatter of a block's stars below which they count as agreeing."""
MIDDLE, HALF = (1068.5, 1024.5), 1024.0
DEG_PER_PIXEL = PIXEL_ARCSEC / 3600.0


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
    check_degree(degree)
    columns, rows = np.asarray(columns, float), np.asarray(rows, float)
    ra, dec, tmag = np.asarray(ra, float), np.asarray(dec, float), np.asarray(tmag, float)
    held = np.zeros(columns.size, bool) if hold is None else np.asarray(hold, bool)
    error = np.asarray(error, float)
    fine = np.isfinite(columns) & np.isfinite(rows) & np.isfinite(ra) & np.isfinite(dec)
    fine &= np.isfinite(error)
    if np.count_nonzero(fine) < 6:
        raise ValueError(f"{np.count_nonzero(fine)} stars are too few to fit a solution")
    order = max(degree, 6)
    blocks = block_of(np.where(fine, columns, CRPIX[0]), np.where(fine, rows, CRPIX[1]))
    degree = min(degree, _highest_degree(blocks[fine & ~held] if clip else blocks[fine]))
    while degree > 1 and np.count_nonzero(fine) < (degree + 1) * (degree + 2):
        degree -= 1
    x = np.where(fine, (columns - MIDDLE[0]) / HALF, 0.0)
    y = np.where(fine, (rows - MIDDLE[1]) / HALF, 0.0)
    terms = chebyshev_terms(x, y, degree)
    weights = np.where(fine, 1.0 / (error**2 + FLOOR_PIXELS**2), 0.0) / DEG_PER_PIXEL**2
    centre = angles_of_vectors(unit_vectors(ra[fine], dec[fine]).mean(axis=0))
    crval = (float(centre[0]), float(centre[1]))
    crval, _ = _touch(terms[:, :3], weights, ra, dec, crval, 1, _prior(1), 2)
    used, prior = (
        fine,
        np.zeros(terms.shape[1]),
    )  # Without clipping the points are a map to be followed.
    if clip:
        aim = np.stack(sky_to_plane(ra, dec, *crval))
        used, prior = _judge(terms, weights, aim, fine, held, tmag, blocks, degree)
    crval, plane = _touch(terms, np.where(used, weights, 0.0), ra, dec, crval, degree, prior, 4)
    aim = np.stack(sky_to_plane(ra, dec, *crval))
    residual = np.where(fine, residuals(terms, plane, aim) * 3600.0, np.nan)
    powers = plane @ _powers(degree)
    return PlateFit(
        solution=make_solution(crval, powers, order),
        used=used,
        residual_ra=residual[0],
        residual_dec=residual[1],
        degree=degree,
    )


def check_degree(degree: int) -> None:
    """Refuse a degree that SIP polynomials cannot have."""
    if not 1 <= degree <= HIGHEST_DEGREE:
        raise ValueError(f"degree of SIP polynomials must be 1 to {HIGHEST_DEGREE}, not {degree}")


def _judge(
    terms: Array,
    weights: Array,
    aim: Array,
    fine: Array,
    held: Array,
    tmag: Array,
    blocks: Array,
    degree: int,
) -> tuple[Array, Array]:
    """Stars to keep, and the prior scaled to their scatter."""
    used, soft, prior = fine, np.ones(fine.size), _prior(degree)
    seen: list[Array] = []
    for _ in range(ROUNDS):
        plane = _solve(terms, np.where(used, weights, 0.0) * soft, aim, prior)
        residual = residuals(terms, plane, aim)
        size = np.hypot(*residual) * np.sqrt(weights)
        # The median length of a pair of normal deviates is 1.1774.
        scatter = max(float(np.median(size[used])) / 1.1774, 1e-3)
        prior = _prior(degree) * scatter**2
        with np.errstate(divide="ignore"):
            soft = np.minimum(1.0, HUBER_SIGMA * scatter / size)
        keep = _clip(residual * 3600.0, fine, held, tmag, blocks)
        if np.count_nonzero(keep) < 2 * terms.shape[1]:
            break
        # If the rounds cycle between sets, any of them will do.
        if any(np.array_equal(keep, before) for before in seen):
            used = keep
            break
        seen.append(keep)
        used = keep
    return used, prior


def _solve(terms: Array, weights: Array, aim: Array, prior: Array) -> Array:
    gram, right = normal_equations(terms, weights, aim)
    gram[np.diag_indices_from(gram)] += prior + 1e-12 * np.diag(gram)
    return solve_normal(gram, right)


def _touch(
    terms: Array,
    weights: Array,
    ra: Array,
    dec: Array,
    crval: tuple[float, float],
    degree: int,
    prior: Array,
    rounds: int,
) -> tuple[tuple[float, float], Array]:
    """Weighted least squares that moves the tangent point to the direction of CRPIX."""
    to_powers = _powers(degree)
    plane = np.zeros((2, terms.shape[1]))
    for k in range(rounds):
        aim = np.stack(sky_to_plane(ra, dec, *crval))
        plane = _solve(terms, weights, aim, prior)
        xi, eta = plane @ to_powers[:, 0]
        if np.hypot(xi, eta) < SETTLED_DEG or k == rounds - 1:
            break
        moved_ra, moved_dec = plane_to_sky(xi, eta, *crval)
        crval = (float(moved_ra), float(moved_dec))
    return crval, plane


def _highest_degree(blocks: Array) -> int:
    """Highest degree to fit, given how many whole rows or columns of blocks are empty."""
    count = np.bincount(blocks, minlength=BLOCKS * BLOCKS).reshape(BLOCKS, BLOCKS)
    empty = max(int(BLOCKS - np.count_nonzero(count.any(axis=axis))) for axis in (0, 1))
    return (HIGHEST_DEGREE, 6, 5, 4, 3)[min(empty, 4)]


def _prior(degree: int) -> Array:
    """Inverse variances of the prior on the highest terms, on the scale of the weights."""
    width = [PRIOR_PIXELS.get(d, np.inf) for d in range(degree + 1) for _ in range(d + 1)]
    return (1.0 / (np.array(width) * DEG_PER_PIXEL)) ** 2


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


def _clip(arcsec: Array, fine: Array, held: Array, tmag: Array, blocks: Array) -> Array:
    """Stars within 25 arcsec, and within 5 robust sigma of stars of similar magnitude."""
    keep: Array = fine & ((np.hypot(*arcsec) < CLIP_ARCSEC) | held)
    free = np.flatnonzero(keep & ~held)
    if free.size < 20:
        return keep
    groups = max(1, min(MAGNITUDE_BINS, free.size // 15))
    order = free[np.argsort(tmag[free], kind="stable")]
    keep[clip_groups(arcsec, order, groups, CLIP_SIGMA)] = False
    _restore_blocks(keep, arcsec, free, blocks)
    return keep


def _restore_blocks(keep: Array, arcsec: Array, free: Array, blocks: Array) -> None:
    """Restore clipped stars of blocks that would lose most of theirs, if these agree."""
    total = np.bincount(blocks[free], minlength=BLOCKS * BLOCKS)
    kept = np.bincount(blocks[free], keep[free], minlength=BLOCKS * BLOCKS)
    for block in np.flatnonzero((total >= 4) & (kept < 0.5 * total)):
        here = free[blocks[free] == block]
        apart = np.hypot(*(arcsec[:, here] - np.median(arcsec[:, here], axis=1)[:, None]))
        limit = AGREE_PIXELS * PIXEL_ARCSEC
        if np.median(apart) < limit:
            keep[here[apart < CLIP_SIGMA * limit]] = True
