"""Star catalogues over the network: the TIC and Gaia DR3, through ``astroquery`` (optional).

They are used only if requested by name; everything else works without a network.
"""

from __future__ import annotations

from typing import Any

from tica_fn.wcs.catalog import StarCatalog
from tica_fn.wcs.catalog_tables import catalog_of_table

__all__ = ["SOURCES", "fetch_catalog"]

SOURCES = ("tic", "gaia")


def fetch_catalog(
    source: str, ra: float, dec: float, radius: float = 9.0, faintest: float = 12.0
) -> StarCatalog:
    """Download the stars around a direction.

    Parameters
    ----------
    source : str
        ``"tic"`` (TESS Input Catalog, MAST, positions of 2000.0) or ``"gaia"`` (Gaia DR3, ESA,
        positions of 2016.0).
    ra, dec : float
        Direction, degrees.
    radius : float
        Degrees.
    faintest : float
        Faintest TESS magnitude.

    Returns
    -------
    StarCatalog
        The stars.

    Raises
    ------
    ValueError
        If there is no such source, or it has no star there.
    ImportError
        If astroquery is not installed (``pip install 'tica-fn[catalogs]'``).
    OSError
        If the service can't be reached.
    """
    if source not in SOURCES:
        raise ValueError(f"no online catalogue {source!r}: use one of {', '.join(SOURCES)}")
    try:
        table = (
            _tic(ra, dec, radius, faintest) if source == "tic" else _gaia(ra, dec, radius, faintest)
        )
    except ImportError as error:
        raise ImportError(
            "the package astroquery is not installed: pip install 'tica-fn[catalogs]'"
        ) from error
    except Exception as error:  # Services raise their own kinds of errors.
        raise OSError(
            f"the {source} service can't be reached or refused the request ({error})"
        ) from error
    epoch = 2000.0 if source == "tic" else 2016.0
    return catalog_of_table(table, epoch, name=source)


def _tic(ra: float, dec: float, radius: float, faintest: float) -> Any:
    from astroquery.mast import Catalogs

    return Catalogs.query_criteria(
        catalog="Tic",
        coordinates=f"{ra:.6f} {dec:+.6f}",
        radius=f"{radius} deg",
        Tmag=[-5.0, faintest],
        objType="STAR",
    )


def _gaia(ra: float, dec: float, radius: float, faintest: float) -> Any:
    from astroquery.gaia import Gaia

    # G is fainter than T by half a magnitude for most stars, by two for the reddest.
    job = Gaia.launch_job_async(
        "SELECT source_id, ra, dec, phot_g_mean_mag, bp_rp, pmra, pmdec, ref_epoch "
        "FROM gaiadr3.gaia_source WHERE "
        f"DISTANCE({ra:.6f}, {dec:.6f}, ra, dec) < {radius} AND phot_g_mean_mag < {faintest + 1.0}"
    )
    return job.get_results()
