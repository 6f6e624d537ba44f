"""A world coordinate solution: tangent plane, linear terms and SIP polynomials.

``u = column - CRPIX1``, ``v = row - CRPIX2`` (pixels of the full readout, the first one's centre at
1); ``U = u + sum A_ij u**i v**j``, ``V = v + sum B_ij u**i v**j``; intermediate coordinates
``CD @ (U, V)`` in degrees on the plane tangent to the sky at CRVAL.  Sources: Shupe et al. 2005
(ASPC 347, 491); Calabretta & Greisen 2002 (A&A 395, 1077).
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_floats
from tica_fn.kernels.stars.normal_equations import normal_equations, solve_normal
from tica_fn.kernels.stars.polynomial import polynomial_terms, polynomial_values
from tica_fn.wcs.sphere import plane_to_sky, sky_to_plane

__all__ = ["CRPIX", "PIXEL_ARCSEC", "SCALE", "Solution", "make_solution", "sip_solution"]

CRPIX = (1069.0, 1024.0)
PIXEL_ARCSEC = 21.0
SCALE = 1060.0
"""Pixel offsets are divided by this before they are raised to powers."""


def _pair(value: ArrayLike) -> tuple[float, float]:
    first, second = np.asarray(value, float)
    return float(first), float(second)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Solution(Record):
    """Map between pixels of the full readout and the sky.

    Parameters
    ----------
    crval : tuple of float
        Right ascension and declination of the reference pixel, degrees, ICRS.
    crpix : tuple of float
        Reference pixel, the first pixel's centre at 1.
    cd : ndarray
        (2, 2) float64: degrees per pixel.
    a, b : ndarray
        (order + 1, order + 1) float64: ``A_i_j`` and ``B_i_j``, zero for i + j below 2.
    ap, bp : ndarray
        (order + 1, order + 1) float64: ``AP_i_j`` and ``BP_i_j`` of the inverse, zero at i = j = 0.
    """

    crval: tuple[float, float] = attrs.field(converter=_pair)
    crpix: tuple[float, float] = attrs.field(converter=_pair, default=CRPIX)
    cd: Array = attrs.field(converter=frozen_floats)
    a: Array = attrs.field(converter=frozen_floats)
    b: Array = attrs.field(converter=frozen_floats)
    ap: Array = attrs.field(converter=frozen_floats)
    bp: Array = attrs.field(converter=frozen_floats)

    @property
    def order(self) -> int:
        """Degree of the SIP polynomials."""
        return int(self.a.shape[0] - 1)

    def pixel_to_sky(self, columns: ArrayLike, rows: ArrayLike) -> tuple[Array, Array]:
        """Directions of pixels.

        Parameters
        ----------
        columns, rows : array_like
            (n,) pixels of the full readout, the first one's centre at 1.

        Returns
        -------
        ra, dec : ndarray
            (n,) float64, degrees, ICRS.
        """
        u = np.atleast_1d(np.asarray(columns, float)) - self.crpix[0]
        v = np.atleast_1d(np.asarray(rows, float)) - self.crpix[1]
        bent = np.stack([u, v]) + self._distortion(u, v)
        xi, eta = self.cd @ bent
        return plane_to_sky(xi, eta, *self.crval)

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[Array, Array]:
        """Pixels of directions, by iteration on the forward map.

        Parameters
        ----------
        ra, dec : array_like
            (n,) degrees, ICRS.

        Returns
        -------
        columns, rows : ndarray
            (n,) float64: pixels of the full readout, the first one's centre at 1; NaN for
            directions more than some degrees off the CCD, where the polynomials are meaningless.
        """
        plane = np.stack(sky_to_plane(np.atleast_1d(ra), np.atleast_1d(dec), *self.crval))
        bent = np.linalg.solve(self.cd, plane)
        far = ~(np.hypot(*bent) < 3.0 * SCALE)
        bent[:, far] = np.nan
        place = bent.copy()
        for _ in range(60):
            step = bent - self._distortion(*place) - place
            place = place + step
            if not np.nanmax(np.abs(step), initial=0.0) > 1e-10:
                break
        lost = ~(np.abs(place + self._distortion(*place) - bent).max(axis=0) < 1e-6)
        place[:, lost] = np.nan
        return place[0] + self.crpix[0], place[1] + self.crpix[1]

    def _distortion(self, u: Array, v: Array) -> Array:
        n = self.order
        terms = [_flat(self.a, n), _flat(self.b, n)]
        return np.asarray(polynomial_values(np.stack(terms), u / SCALE, v / SCALE, n))

    def to_astropy(self) -> Any:
        """Convert the solution to `astropy.wcs.WCS`.

        Returns
        -------
        astropy.wcs.WCS
            The same solution with SIP; its shape is the full readout.
        """
        from astropy.wcs import WCS, Sip

        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crpix = self.crpix
        wcs.wcs.crval = self.crval
        wcs.wcs.cd = np.array(self.cd)
        matrices = (np.array(matrix) for matrix in (self.a, self.b, self.ap, self.bp))
        wcs.sip = Sip(*matrices, np.array(self.crpix))
        wcs.wcs.set()
        wcs.pixel_shape = (2136, 2078)
        return wcs


def _flat(matrix: Array, order: int) -> Array:
    """Coefficients in the order of the kernels, for coordinates divided by SCALE."""
    return np.array([matrix[d - j, j] * SCALE**d for d in range(order + 1) for j in range(d + 1)])


def _square(flat: Array, order: int) -> Array:
    """Inverse of `_flat`."""
    matrix = np.zeros((order + 1, order + 1))
    k = 0
    for d in range(order + 1):
        for j in range(d + 1):
            matrix[d - j, j] = flat[k] / SCALE**d
            k += 1
    return matrix


def make_solution(crval: ArrayLike, plane: Array, order: int, crpix: ArrayLike = CRPIX) -> Solution:
    """Make a solution from fitted polynomials of the tangent plane.

    `crval`: (2,) tangent point, degrees; `plane`: (2, terms) float64; `crpix`: (2,) reference
    pixel.
    """
    cd = plane[:, 1:3] / SCALE
    bent = np.linalg.solve(cd, plane)
    padded = np.zeros((2, (order + 1) * (order + 2) // 2))
    padded[:, : bent.shape[1]] = bent
    padded[:, :3] = 0.0
    return sip_solution(crval, crpix, cd, *(_square(flat, order) for flat in padded))


def sip_solution(crval: ArrayLike, crpix: ArrayLike, cd: Array, a: Array, b: Array) -> Solution:
    """Make a solution from its forward map, to which the inverse polynomials are fitted.

    `crval, crpix`: (2,); `cd`: (2, 2) degrees per pixel; `a, b`: (order + 1, order + 1) float64.
    """
    order = a.shape[0] - 1
    inverse = _invert(np.stack([_flat(a, order), _flat(b, order)]), order)
    return Solution(
        crval=crval,
        crpix=crpix,
        cd=cd,
        a=a,
        b=b,
        ap=_square(inverse[0], order),
        bp=_square(inverse[1], order),
    )


def _invert(distortion: Array, order: int) -> Array:
    """Polynomials of (U, V) that give u - U and v - V, over the readout and a little more."""
    side = 27
    # At Chebyshev nodes the least-squares fit keeps the largest error small.
    place = np.cos(np.pi * (np.arange(side) + 0.5) / side) * 1.01
    u, v = (axis.ravel() for axis in np.meshgrid(place, place))
    bent = polynomial_values(distortion, u, v, order) / SCALE
    terms = np.ascontiguousarray(polynomial_terms(u + bent[0], v + bent[1], order)[:, 1:])
    gram, right = normal_equations(terms, np.ones(u.size), -SCALE * bent)
    out = np.zeros_like(distortion)
    out[:, 1:] = solve_normal(gram, right)
    return out
