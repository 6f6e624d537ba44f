"""Stars of a fit: what is known of them, and which of them to leave out.

A star is compared with others of similar brightness.  Whole blocks are left out only if their stars
disagree with each other: if they agree, the polynomial is wrong.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array
from tica_fn.kernels.stars.normal_equations import clip_groups
from tica_fn.wcs.solution import CRPIX, PIXEL_ARCSEC
from tica_fn.wcs.sphere import unit_vectors
from tica_fn.wcs.star_blocks import BLOCKS, block_of

__all__ = [
    "DEG_PER_PIXEL",
    "FLOOR_PIXELS",
    "HIGHEST_DEGREE",
    "PlateStars",
    "check_degree",
    "clip_stars",
    "plate_stars",
]

HIGHEST_DEGREE = 9
"""Highest degree of the SIP convention, whose keywords have one-digit powers."""
CLIP_ARCSEC = 25.0
CLIP_SIGMA = 5.0
MAGNITUDE_BINS = 30
FLOOR_PIXELS = 0.005
"""Added in quadrature to every star's error, so that the brightest stars do not dominate."""
AGREE_PIXELS = 0.02
"""Scatter of a block's stars below which they count as agreeing."""
DEG_PER_PIXEL = PIXEL_ARCSEC / 3600.0


@attrs.frozen(eq=False)
class PlateStars:
    """What is known of the stars of a fit besides their measured places.

    `vectors` (n, 3) are their directions, and `brightest` (n,) their indices by magnitude.
    """

    vectors: Array
    brightest: Array
    weights: Array
    fine: Array
    held: Array
    blocks: Array
    degree: int
    clip: bool


def plate_stars(
    places: Array,
    ra: ArrayLike,
    dec: ArrayLike,
    tmag: ArrayLike,
    error: ArrayLike,
    hold: ArrayLike,
    degree: int,
    clip: bool = True,
) -> PlateStars:
    """Prepare the stars of a fit; see `fit_plate`."""
    check_degree(degree)
    ra, dec, tmag = np.asarray(ra, float), np.asarray(dec, float), np.asarray(tmag, float)
    held, error = np.asarray(hold, bool), np.asarray(error, float)
    fine = np.isfinite(places).all(axis=0) & np.isfinite(ra) & np.isfinite(dec)
    fine &= np.isfinite(error)
    if np.count_nonzero(fine) < 6:
        raise ValueError(f"{np.count_nonzero(fine)} stars are too few to fit a solution")
    blocks = block_of(np.where(fine, places[0], CRPIX[0]), np.where(fine, places[1], CRPIX[1]))
    degree = min(degree, _highest_degree(blocks[fine & ~held] if clip else blocks[fine]))
    while degree > 1 and np.count_nonzero(fine) < (degree + 1) * (degree + 2):
        degree -= 1
    weights = np.where(fine, 1.0 / (error**2 + FLOOR_PIXELS**2), 0.0) / DEG_PER_PIXEL**2
    brightest = np.argsort(tmag, kind="stable")
    vectors = np.asfortranarray(unit_vectors(ra, dec))  # Each coordinate in one piece.
    return PlateStars(vectors, brightest, weights, fine, held, blocks, degree, clip)


def check_degree(degree: int) -> None:
    """Refuse a degree that SIP polynomials cannot have."""
    if not 1 <= degree <= HIGHEST_DEGREE:
        raise ValueError(f"degree of SIP polynomials must be 1 to {HIGHEST_DEGREE}, not {degree}")


def clip_stars(arcsec: Array, stars: PlateStars) -> Array:
    """Stars within 25 arcsec, and within 5 robust sigma of stars of similar magnitude."""
    keep: Array = stars.fine & ((np.hypot(*arcsec) < CLIP_ARCSEC) | stars.held)
    may_go = keep & ~stars.held
    free, order = np.flatnonzero(may_go), stars.brightest[may_go[stars.brightest]]
    if free.size < 20:
        return keep
    groups = max(1, min(MAGNITUDE_BINS, free.size // 15))
    keep[clip_groups(arcsec, order, groups, CLIP_SIGMA)] = False
    _restore_blocks(keep, arcsec, free, stars.blocks)
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


def _highest_degree(blocks: Array) -> int:
    """Highest degree to fit, given how many whole rows or columns of blocks are empty."""
    count = np.bincount(blocks, minlength=BLOCKS * BLOCKS).reshape(BLOCKS, BLOCKS)
    empty = max(int(BLOCKS - np.count_nonzero(count.any(axis=axis))) for axis in (0, 1))
    return (HIGHEST_DEGREE, 6, 5, 4, 3)[min(empty, 4)]
