"""Predicted pixels of stars: those of ``tess-point``, for many stars at once.

tess-point processes stars one by one in Python, at about a millisecond each.  Its map from sky to
pixel is smooth, so two polynomials are fitted once to its results on a grid over the CCD; they
agree with it to a few thousandths of a pixel.  Aberration is applied here for the time of the
frame, while tess-point uses one time per sector.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import check_ccd
from tica_fn.errors import FrameError
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.stars.polynomial import polynomial_terms, polynomial_values
from tica_fn.wcs.kept_prediction import kept_prediction
from tica_fn.wcs.sphere import aberrate, plane_to_sky, separation, sky_to_plane

__all__ = ["Pointing", "earth_velocity", "predict_pointing", "sector_mid_time"]

DEGREE = 8
_TERMS = (DEGREE + 1) * (DEGREE + 2) // 2
SCALE_DEG = 8.0
SCALE_PIXEL = 1060.0
REFERENCE_PIXEL = (1069.0, 1024.0)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Pointing(Record):
    """A prediction for one sector, camera and CCD: sky to pixel and back.

    Parameters
    ----------
    sector, camera, ccd : int
        Sector, camera and CCD of the prediction.
    ra, dec : float
        Tangent point of the polynomials, degrees (aberrated).
    velocity_km_s : ndarray
        (3,) float64: velocity of the observer, for the aberration.
    to_pixel, to_plane : ndarray
        (2, terms) float64: polynomials from the tangent plane to pixels, and back.
    """

    sector: int
    camera: int
    ccd: int
    ra: float
    dec: float
    velocity_km_s: Array = attrs.field(converter=frozen_array)
    to_pixel: Array = attrs.field(converter=frozen_array)
    to_plane: Array = attrs.field(converter=frozen_array)

    def pixels(self, ra: ArrayLike, dec: ArrayLike) -> tuple[Array, Array]:
        """Predicted columns and rows.

        Parameters
        ----------
        ra, dec : array_like
            (n,) degrees, ICRS, with proper motion applied.

        Returns
        -------
        columns, rows : ndarray
            (n,) float64: pixels of the full readout, the first one's centre at 1.
        """
        seen = aberrate(np.atleast_1d(ra), np.atleast_1d(dec), self.velocity_km_s)
        xi, eta = sky_to_plane(*seen, self.ra, self.dec)
        to_pixel = self.to_pixel.copy()  # Writable, as others are: a single kernel is compiled.
        columns, rows = polynomial_values(to_pixel, xi / SCALE_DEG, eta / SCALE_DEG, DEGREE)
        return columns, rows

    def on_ccd(self, ra: ArrayLike, dec: ArrayLike, margin: float = 0.0) -> Array:
        """Tell which directions are predicted to fall on the science pixels.

        Parameters
        ----------
        ra, dec : array_like
            (n,) degrees, ICRS.
        margin : float
            Pixels beyond the edge that still count.

        Returns
        -------
        ndarray
            (n,) bool.
        """
        columns, rows = self.pixels(ra, dec)
        across = np.abs(columns - 1068.5) <= 1024.0 + margin
        # Far from the CCD the polynomials are meaningless, so only a cone around it counts.
        near = separation(ra, dec, *(float(angle[0]) for angle in self.sky(1068.5, 1024.5))) < 10.0
        return np.asarray(across & (np.abs(rows - 1024.5) <= 1024.0 + margin) & near)

    def sky(self, columns: ArrayLike, rows: ArrayLike) -> tuple[Array, Array]:
        """Predicted directions of pixels.

        Parameters
        ----------
        columns, rows : array_like
            (n,) pixels of the full readout, the first one's centre at 1.

        Returns
        -------
        ra, dec : ndarray
            (n,) degrees, ICRS.
        """
        xi, eta = polynomial_values(
            self.to_plane.copy(),
            (np.atleast_1d(np.asarray(columns, float)) - REFERENCE_PIXEL[0]) / SCALE_PIXEL,
            (np.atleast_1d(np.asarray(rows, float)) - REFERENCE_PIXEL[1]) / SCALE_PIXEL,
            DEGREE,
        )
        seen = plane_to_sky(xi, eta, self.ra, self.dec)
        # The opposite velocity undoes the aberration to 0.002 arcsec; a second round is precise.
        ra, dec = aberrate(*seen, -self.velocity_km_s)
        again = aberrate(ra, dec, self.velocity_km_s)
        off = (seen[0] - again[0] + 180.0) % 360.0 - 180.0
        return (ra + off) % 360.0, dec + seen[1] - again[1]


def sector_mid_time(sector: int) -> float:
    """Middle of a sector, from tess-point."""
    return float(_sector_data(sector).midtimes[0])


def earth_velocity(julian_date: float) -> Array:
    """Velocity of the Earth about the barycentre; that of TESS is within 4 km/s of it.

    Returns (3,) km/s, equatorial J2000 axes.
    """
    # That of astropy.coordinates, whose loading takes a hundred times as long.
    from erfa import DAU, DAYSEC, epv00

    day = float(round(julian_date))
    _, barycentric = epv00(day, julian_date - day)
    return np.asarray(barycentric["v"] * (DAU / 1000.0 / DAYSEC))


def predict_pointing(
    sector: int,
    camera: int,
    ccd: int,
    julian_date: float | None = None,
    velocity_km_s: ArrayLike | None = None,
) -> Pointing:
    """Predict the pixels of stars for one sector, camera and CCD.

    Parameters
    ----------
    sector, camera, ccd : int
        Sector, camera and CCD.
    julian_date : float, optional
        Time of the frame, TDB; by default the middle of the sector.
    velocity_km_s : array_like, optional
        (3,) km/s: velocity of the spacecraft about the barycentre; by default the Earth's.

    Returns
    -------
    Pointing
        The prediction, accurate to about a pixel, like tess-point.

    Raises
    ------
    FrameError
        If there is no such CCD, or the installed tess-point does not know the sector.

    Examples
    --------
    >>> from tica_fn.wcs.pointing import predict_pointing
    >>> pointing = predict_pointing(35, 1, 1)
    >>> columns, rows = pointing.pixels([142.107], [-9.197])
    >>> bool(1100 < columns[0] < 1300), bool(1150 < rows[0] < 1350)
    (True, True)
    """
    check_ccd(camera, ccd)
    if velocity_km_s is None:
        velocity_km_s = earth_velocity(julian_date or sector_mid_time(sector))
    ra, dec, to_pixel, to_plane = _transform(sector, camera, ccd)
    return Pointing(
        sector=sector,
        camera=camera,
        ccd=ccd,
        ra=ra,
        dec=dec,
        velocity_km_s=velocity_km_s,
        to_pixel=to_pixel,
        to_plane=to_plane,
    )


@cache
def _sector_data(sector: int) -> Any:
    from tess_stars2px import TESS_Spacecraft_Pointing_Data

    known = [int(number) for number in TESS_Spacecraft_Pointing_Data.sectors]
    # tess-point itself would print a message and end the process.
    if int(sector) not in known:
        raise FrameError(
            f"the installed tess-point does not know sector {sector}, only {min(known)} to "
            f"{max(n for n in known if n < 1000)}: give the right sector or update tess-point"
        )
    return TESS_Spacecraft_Pointing_Data(trySector=int(sector))


@cache
def _transform(sector: int, camera: int, ccd: int) -> tuple[float, float, Array, Array]:
    """Tangent point, and polynomials in both directions."""
    numbers = kept_prediction(
        f"{sector}-{camera}-{ccd}", 2 + 4 * _TERMS, lambda: _fit_transform(sector, camera, ccd)
    )
    to_pixel, to_plane = numbers[2:].reshape(2, 2, _TERMS)
    return float(numbers[0]), float(numbers[1]), to_pixel, to_plane


def _fit_transform(sector: int, camera: int, ccd: int) -> Array:
    """Fit polynomials in both directions to tess-point's results on a grid."""
    optics = _sector_data(sector).fpgObjs[0]

    def sky(column: float, row: float) -> tuple[float, float]:
        place = np.array([column - 45.0, row - 1.0])
        ra, dec = optics.pix2radec_nocheck_single(camera - 1, ccd - 1, place)
        return float(ra), float(dec)

    def pixel(ra: float, dec: float) -> tuple[float, float]:
        found = optics.radec2pix_nocheck_single(ra, dec, camera - 1, ccd - 1)
        return found[3] + 45.0, found[4] + 1.0

    ra0, dec0 = sky(*REFERENCE_PIXEL)
    corners = [(1.0, 1.0), (2136.0, 1.0), (1.0, 2078.0), (2136.0, 2078.0)]
    plane = np.array([sky_to_plane(*sky(*corner), ra0, dec0) for corner in corners])
    # A grid of 17 x 17 points that covers the CCD and a little more.
    side = np.linspace(-0.02, 1.02, 17)
    u, v = (axis.ravel() for axis in np.meshgrid(side, side))
    weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
    xi, eta = plane.T @ weights
    places = np.array([pixel(*at) for at in zip(*plane_to_sky(xi, eta, ra0, dec0), strict=True)])
    x, y = np.ascontiguousarray((places - REFERENCE_PIXEL).T) / SCALE_PIXEL
    forward = polynomial_terms(xi / SCALE_DEG, eta / SCALE_DEG, DEGREE)
    backward = polynomial_terms(x, y, DEGREE)
    to_pixel = np.linalg.lstsq(forward, places)[0].T
    to_plane = np.linalg.lstsq(backward, np.stack([xi, eta], axis=1))[0].T
    return np.concatenate([[ra0, dec0], to_pixel.ravel(), to_plane.ravel()])
