"""How long a catalogue's stars have moved, told by the stars of an image.

Stars that were moved for d years too few lie off by d times their proper motion.  A solution
fitted to them takes up what is smooth over the field; the rest of the residuals, against the rest
of the proper motions, gives d.
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
"""Standard errors that a measured number of years must be different from 0 by."""
TELLING = 3.0
"""Standard errors between moved and not moved from which on the nearer of the two is believed;
the unknown true motions of real stars leave less than two."""


def years_of_motion(stars: StarCatalog, columns: Array, rows: Array) -> tuple[float, float]:
    """Years of proper motion that catalogue places lack.

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
    # Residuals are catalogue less image: places that moved too little lag behind.
    years = -float(np.sum(residual * rough)) / weight
    return years, float(np.std(residual + years * rough) / np.sqrt(weight))


def settle_motion(
    stars: StarCatalog, picked: Array, places: StarPositions, epoch: float
) -> StarCatalog:
    """Correct the date of an undated catalogue, or believe doubtful motions that are confirmed."""
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
    """Of catalogues moved in different ways over some years, the first that the image follows.

    The last stands where it follows none, the first where that can't be told.  Simulated skies may
    hold the stars still, or move them by columns that are no motions.
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
