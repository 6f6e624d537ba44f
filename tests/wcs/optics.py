"""Skies seen through tess-point's optics, which no polynomial follows, drawn from scratch.

Nothing here uses the package under test.  tess-point maps one pixel at a time; a tensor of
Chebyshev polynomials of degree 17 through its own answers follows it to 0.0001 arcsec.
"""

import functools

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from tests.wcs import sky

NODES, REACH = 18, 1.05


class Optics:
    """Map between the pixels of one CCD, 1-based in the full readout, and the sky [degree]."""

    def __init__(self, sector, camera, ccd):
        from tess_stars2px import TESS_Spacecraft_Pointing_Data

        self.mapping = TESS_Spacecraft_Pointing_Data(trySector=sector).fpgObjs[0]
        self.where = camera - 1, ccd - 1
        side = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
        seen = np.array([[self._one(x, y) for y in side * REACH] for x in side * REACH])
        inverse = np.linalg.inv(chebvander(side, NODES - 1))
        self.tensor = np.einsum(
            "ai,bj,ijk->abk", inverse, inverse, _vectors(*np.moveaxis(seen, -1, 0))
        )

    def _one(self, x, y):
        place = np.array([1023.5 + 1024.0 * x, 1023.5 + 1024.0 * y])
        return self.mapping.pix2radec_nocheck_single(*self.where, place)

    def sky(self, columns, rows):
        """Right ascension and declination of pixels."""
        x = (np.asarray(columns, float) - 1068.5) / 1024.0 / REACH
        y = (np.asarray(rows, float) - 1024.5) / 1024.0 / REACH
        across = chebvander(x, NODES - 1) @ self.tensor.reshape(NODES, -1)
        up = chebvander(y, NODES - 1)
        seen = np.einsum("pb,pbk->pk", up, across.reshape(x.size, NODES, 3))
        return (
            np.rad2deg(np.arctan2(seen[:, 1], seen[:, 0])) % 360.0,
            np.rad2deg(np.arctan2(seen[:, 2], np.hypot(seen[:, 0], seen[:, 1]))),
        )

    def pixels(self, ra, dec):
        """Columns and rows of directions, by tess-point itself, one by one."""
        find = self.mapping.radec2pix_nocheck_single
        seen = [find(*place, *self.where) for place in zip(ra, dec, strict=True)]
        return np.array([[one[3] + 45.0, one[4] + 1.0] for one in seen]).reshape(-1, 2).T


def _vectors(ra, dec):
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)], axis=-1)


@functools.cache
def optics(sector, camera, ccd):
    return Optics(sector, camera, ccd)


def stars_near(columns_rows_to_sky, margin=30.0):
    """Catalogue stars on and around the CCD: indices into `sky.gaia()`."""
    table = sky.gaia()
    corners = [(45 - margin, 1 - margin), (2092 + margin, 1 - margin)]
    corners += [(45 - margin, 2048 + margin), (2092 + margin, 2048 + margin), (1068.5, 1024.5)]
    seen = _vectors(*columns_rows_to_sky(*np.array(corners).T))
    everything = _vectors(table["ra"], table["dec"])
    cosine = (seen[:4] @ seen[4]).min()
    return np.flatnonzero(everything @ seen[4] >= cosine)


def frame(
    sector, camera, ccd, psf=sky.round_psf, shift=(0.0, 0.0), motion=None, years=0.0, **paint
):
    """Calibrated pixels [electron per exposure] of catalogue stars.

    `motion` (2, stars of the catalogue) [mas/yr] moves them for some years; without, they stand
    still.  Gives the pixels and the true map from pixels to the sky; `shift` moves it over the
    pixels.
    """
    seen = optics(sector, camera, ccd)
    which = stars_near(seen.sky)
    table = sky.gaia()[which]
    ra, dec = table["ra"], table["dec"]
    if motion is not None:
        ra = ra + motion[0, which] * years / 3.6e6 / np.cos(np.deg2rad(dec))
        dec = dec + motion[1, which] * years / 3.6e6
    column, row = seen.pixels(ra, dec)
    column, row = column + shift[0], row + shift[1]
    on = (np.abs(column - 1068.5) < 1054) & (np.abs(row - 1024.5) < 1054)
    column, row, tmag = column[on], row[on], table["g"][on] - 0.43
    pixels = sky.paint(column, row, tmag, psf(column, row), **paint)
    return pixels, lambda x, y: seen.sky(np.asarray(x) - shift[0], np.asarray(y) - shift[1])
