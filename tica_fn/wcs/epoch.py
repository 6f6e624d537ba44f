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
CLEARLY_BETTER = 0.6
"""Part of the scatter with the catalogue's motions that other motions must leave to be believed."""
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
    stars: StarCatalog, others: Sequence[StarCatalog], picked: Array, places: StarPositions
) -> StarCatalog:
    """Take the stars' places with other motions if the image's stars clearly say so.

    Simulated skies may hold the stars still, or move them by columns that are no motions.
    """
    columns, rows = places.columns[places.good], places.rows[places.good]
    which = picked[places.good]
    if which.size < FEWEST or not others:
        return stars
    scatter = []
    for version in (stars, *others):
        some = version.select(which)
        fit = fit_plate(columns, rows, some.ra, some.dec, some.tmag, places.error[places.good])
        scatter.append(float(np.median(np.hypot(fit.residual_ra, fit.residual_dec))))
    best = int(np.argmin(scatter))
    return (stars, *others)[best] if scatter[best] < CLEARLY_BETTER * scatter[0] else stars
