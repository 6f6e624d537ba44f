"""Epoch of a catalogue, measured from the stars of an image.

If a catalogue's epoch is wrong by d years, its stars are off by d times their proper motion.  A
fitted solution absorbs the part that is smooth over the field; comparing the remaining residuals
with the remaining proper motions gives d.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from tica_fn.immutable import Array
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.wcs.catalog import DOUBTFUL, TOLD, UNDATED, StarCatalog
from tica_fn.wcs.centroids import StarPositions
from tica_fn.wcs.polynomial_fit import DEGREE, fit_plate
from tica_fn.wcs.solution import CRPIX, SCALE

__all__ = ["likeliest_motion", "settle_motion", "years_of_motion"]

FEWEST = 60
SURE = 6.0
"""Least number of standard errors by which a measured number of years must differ from 0."""
TELLING = 3.0
"""Least number of standard errors between moved and not moved to choose the nearer of the two; the
unknown true motions of real stars leave less than two."""


def years_of_motion(stars: StarCatalog, columns: Array, rows: Array) -> tuple[float, float]:
    """Years of proper motion missing in catalogue positions, and their standard error.

    `columns, rows`: (n,) float64.
    """
    motion = np.stack([stars.pm_ra, stars.pm_dec])
    use = np.isfinite(columns) & np.isfinite(rows) & (np.hypot(*motion) > 0.0)
    if np.count_nonzero(use) < FEWEST:
        return 0.0, np.inf
    some, motion = stars.select(use), motion[:, use]
    x, y = columns[use], rows[use]
    flat = np.full(x.size, 0.01)
    fit = fit_plate(x, y, some.ra, some.dec, some.tmag, flat)
    kept = np.flatnonzero(fit.used)
    residual = np.stack([fit.residual_ra, fit.residual_dec])[:, kept] * 1000.0
    terms = polynomial_terms((x[kept] - CRPIX[0]) / SCALE, (y[kept] - CRPIX[1]) / SCALE, DEGREE)
    smooth = terms @ np.linalg.lstsq(terms, motion[:, kept].T, rcond=None)[0]
    rough = motion[:, kept] - smooth.T
    weight = float(np.sum(rough**2))
    if weight <= 0.0:
        return 0.0, np.inf
    # Residuals are catalogue minus image, so stars that were moved too little lag behind.
    years = -float(np.sum(residual * rough)) / weight
    return years, float(np.std(residual + years * rough) / np.sqrt(weight))


def settle_motion(
    stars: StarCatalog, picked: Array, places: StarPositions, epoch: float
) -> StarCatalog:
    """Correct the epoch of an undated catalogue, or apply doubtful motions that are confirmed."""
    if stars.motion == TOLD:
        return stars
    year = stars.epoch
    columns = np.where(places.good, places.columns, np.nan)
    rows = np.where(places.good, places.rows, np.nan)
    if stars.motion == DOUBTFUL:
        years, error = years_of_motion(stars.select(picked), columns, rows)
        moved = attrs.evolve(stars, motion=TOLD, epoch=epoch).at(year)
        rest, _ = years_of_motion(moved.select(picked), columns, rows)
        believed = abs(year - epoch) > TELLING * error and abs(rest) < abs(years)
        return moved if believed else stars
    for _ in range(4):
        years, error = years_of_motion(stars.select(picked), columns, rows)
        if not abs(years) > SURE * error:
            break
        stars = attrs.evolve(stars.at(stars.epoch + years), epoch=year, motion=UNDATED)
    return stars


def likeliest_motion(
    versions: Sequence[StarCatalog], picked: Array, places: StarPositions, years: float
) -> StarCatalog:
    """First of several catalogues, with different motions over some years, that fits the image.

    Without a fitting one it is the last; if the image can't distinguish them, the first.  Stars of
    simulated skies may not move, or move by columns that are not proper motions.
    """
    columns, rows, which = (
        places.columns[places.good],
        places.rows[places.good],
        picked[places.good],
    )
    for k, version in enumerate(versions[:-1]):
        lacking, error = years_of_motion(version.select(which), columns, rows)
        sure = abs(years) > TELLING * error
        if (not sure and k == 0) or (sure and abs(lacking) < abs(lacking + years)):
            return version
    return versions[-1]
