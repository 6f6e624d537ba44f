"""Directions on the sky: unit vectors, the tangent plane, aberration.

Formulas: Calabretta & Greisen 2002 (A&A 395, 1077) for the gnomonic projection; the relativistic
aberration is equation 7.40 of the Explanatory Supplement to the Astronomical Almanac (2013).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array

__all__ = [
    "aberrate",
    "angles_of_vectors",
    "plane_to_sky",
    "separation",
    "sky_to_plane",
    "unit_vectors",
    "vectors_to_plane",
]

LIGHT_KM_S = 299792.458


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Array:
    """Unit vectors of directions.

    `ra, dec`: (n,) degrees; returns (n, 3) float64.
    """
    a, d = np.deg2rad(np.asarray(ra, float)), np.deg2rad(np.asarray(dec, float))
    return np.stack([np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)], axis=-1)


def angles_of_vectors(vectors: Array) -> tuple[Array, Array]:
    """Right ascension and declination of vectors of any length.

    `vectors`: (n, 3) float64; returns `ra, dec`, (n,) degrees.
    """
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    ra = np.rad2deg(np.arctan2(y, x)) % 360.0
    return ra, np.rad2deg(np.arctan2(z, np.hypot(x, y)))


def separation(ra_a: ArrayLike, dec_a: ArrayLike, ra_b: ArrayLike, dec_b: ArrayLike) -> Array:
    """Angle between directions in degrees, accurate for small angles too."""
    chord = np.linalg.norm(unit_vectors(ra_a, dec_a) - unit_vectors(ra_b, dec_b), axis=-1)
    return np.asarray(np.rad2deg(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0))))


def sky_to_plane(ra: ArrayLike, dec: ArrayLike, ra0: float, dec0: float) -> tuple[Array, Array]:
    """Project directions on the plane tangent to the sphere at (ra0, dec0)."""
    a = np.deg2rad(np.asarray(ra, float) - ra0)
    d, d0 = np.deg2rad(np.asarray(dec, float)), np.deg2rad(dec0)
    cos_d = np.cos(d)
    towards = np.sin(d) * np.sin(d0) + cos_d * np.cos(d0) * np.cos(a)
    towards = np.where(towards > 0.0, towards, np.nan)
    xi = cos_d * np.sin(a) / towards
    eta = (np.sin(d) * np.cos(d0) - cos_d * np.sin(d0) * np.cos(a)) / towards
    return np.rad2deg(xi), np.rad2deg(eta)


def vectors_to_plane(vectors: Array, ra0: float, dec0: float) -> Array:
    """`sky_to_plane` of unit vectors: `vectors` (n, 3) float64; returns (2, n) degrees."""
    a, d0 = np.deg2rad(ra0), np.deg2rad(dec0)
    x, y, z = vectors.T
    east, across = np.cos(a) * y - np.sin(a) * x, np.cos(a) * x + np.sin(a) * y
    towards = np.sin(d0) * z + np.cos(d0) * across
    towards = np.where(towards > 0.0, towards, np.nan)
    return np.rad2deg(np.stack([east, np.cos(d0) * z - np.sin(d0) * across]) / towards)


def plane_to_sky(xi: ArrayLike, eta: ArrayLike, ra0: float, dec0: float) -> tuple[Array, Array]:
    """Inverse of `sky_to_plane`."""
    x, y = np.deg2rad(np.asarray(xi, float)), np.deg2rad(np.asarray(eta, float))
    d0 = np.deg2rad(dec0)
    along = np.cos(d0) - y * np.sin(d0)
    ra = (ra0 + np.rad2deg(np.arctan2(x, along))) % 360.0
    dec = np.rad2deg(np.arctan2(np.sin(d0) + y * np.cos(d0), np.hypot(x, along)))
    return ra, dec


def aberrate(ra: ArrayLike, dec: ArrayLike, velocity_km_s: ArrayLike) -> tuple[Array, Array]:
    """Directions as a moving observer sees them.

    `ra, dec`: (n,) degrees, as seen by an observer at rest at the barycentre; `velocity_km_s`: (3,)
    km/s; returns `ra, dec`, (n,) degrees.
    """
    n = unit_vectors(ra, dec)
    beta = np.asarray(velocity_km_s, float) / LIGHT_KM_S
    dot = n @ beta
    per_gamma = np.sqrt(1.0 - beta @ beta)
    factor = 1.0 + dot / (1.0 + per_gamma)
    return angles_of_vectors(per_gamma * n + factor[..., None] * beta)
