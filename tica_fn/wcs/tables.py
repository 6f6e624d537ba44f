"""Star catalogues from tables: any that astropy reads, named as in TIC, Gaia, or plainly."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.immutable import Array
from tica_fn.wcs.catalog import GAIA_EPOCH, TOLD, UNDATED, StarCatalog, estimate_tmag

__all__ = ["catalog_of_table", "read_catalog", "read_table"]

TIC_EPOCH = 2000.0
_NAMES = {
    "ids": ("id", "tic", "ticid", "tic_id", "source_id", "gaia", "designation"),
    "ra": ("ra", "ra_icrs", "raj2000", "_ra", "ra_deg"),
    "dec": ("dec", "de_icrs", "dec_icrs", "dej2000", "decj2000", "_dec", "dec_deg"),
    "tmag": ("tmag", "tessmag", "tess_mag"),
    "g": ("phot_g_mean_mag", "gmag", "gaiamag", "g_mag"),
    "color": ("bp_rp", "bp-rp", "bprp"),
    "pm_ra": ("pmra", "pm_ra", "pmra_cosdec", "pm_ra_cosdec"),
    "pm_dec": ("pmdec", "pm_dec", "pmde"),
    "pm_ra_error": ("pmra_error", "e_pmra"),
    "pm_dec_error": ("pmdec_error", "e_pmdec", "e_pmde"),
    "epoch": ("ref_epoch", "epoch"),
}
_UNITS = {"ra": "deg", "dec": "deg"} | dict.fromkeys(
    ("pm_ra", "pm_dec", "pm_ra_error", "pm_dec_error"), "mas / yr"
)
_LAST_NUMBER = re.compile(r"(\d+)\s*$")


def read_catalog(path: str | os.PathLike[str], epoch: float | None = None) -> StarCatalog:
    """Read a star catalogue from a file.

    Parameters
    ----------
    path : path-like
        Any table that astropy recognizes: FITS, VOTable, ECSV, HDF5, CSV, plain text.
    epoch : float, optional
        Julian year of the positions; by default what the table says, see `catalog_of_table`.

    Returns
    -------
    StarCatalog
        The stars.

    Raises
    ------
    BadFileError
        If it is no table, or columns are missing.
    OSError
        If it can't be read.
    """
    path = Path(path)
    try:
        return catalog_of_table(read_table(path), epoch, name=path.name)
    except ValueError as error:
        raise BadFileError(f"{path}: {error}") from error


def read_table(path: str | os.PathLike[str]) -> Any:
    """Read a table of any kind that astropy knows."""
    import warnings

    from astropy.table import Table

    with Path(path).open("rb"):
        pass
    with warnings.catch_warnings():
        # Tables carry units that astropy does not know; none of those is used here.
        warnings.simplefilter("ignore")
        try:
            return Table.read(path)
        except Exception:  # every reader raises errors of its own kind
            try:
                return Table.read(path, format="ascii")
            except Exception as error:
                reason = str(error).strip().split("\n")[0]
                raise ValueError(f"no table that astropy can read: {reason}") from error


def catalog_of_table(table: Any, epoch: float | None = None, name: str = "table") -> StarCatalog:
    """Make a star catalogue of a table.

    Parameters
    ----------
    table : astropy.table.Table
        Columns by their names, in upper or lower case: an identifier (``ID``, ``TIC``,
        ``source_id``), ``ra`` and ``dec`` in degrees, ``Tmag`` or Gaia's ``phot_g_mean_mag`` (best
        with ``bp_rp``), and ``pmRA`` and ``pmDEC`` in mas/yr, taken as 0 and as unknown where
        missing, with their errors (``e_pmRA``, ``pmra_error``) where there are any.  Columns that
        carry other units are converted.  Stars without position or magnitude are left out.
    epoch : float, optional
        Julian year of the positions.  By default that of a column ``ref_epoch`` or ``epoch`` or
        of the table's metadata of these names; else 2000.0 for a table written as the TIC is
        (``Tmag``, ``pmRA``), and 2016.0, as Gaia DR3 has, for others, as a first guess that the
        search for reference stars corrects by the stars' own motion.
    name : str
        Name of the catalogue.

    Returns
    -------
    StarCatalog
        The stars.

    Raises
    ------
    ValueError
        If a column is missing or no star is left.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from tica_fn.wcs.tables import catalog_of_table
    >>> rows = Table({"id": [7], "ra": [10.0], "dec": [-5.0], "tmag": [9.0]})
    >>> catalog_of_table(rows).epoch
    2016.0
    """
    lower = {column.lower(): column for column in table.colnames}
    found = {
        field: lower[next(key for key in keys if key in lower)]
        for field, keys in _NAMES.items()
        if any(key in lower for key in keys)
    }
    missing = [field for field in ("ra", "dec") if field not in found]
    if "tmag" not in found and "g" not in found:
        missing.append("tmag (or phot_g_mean_mag)")
    if missing:
        has = f"it has {', '.join(table.colnames)}" if table.colnames else "it is empty"
        raise ValueError(f"no column {', '.join(missing)}; {has}")

    def numbers(field: str, empty: float) -> Array:
        if field not in found:
            return np.full(len(table), empty)
        column = table[found[field]]
        values = np.ma.filled(np.ma.asarray(column).astype(np.float64), np.nan)
        return np.asarray(values * _factor(column, _UNITS.get(field)))

    tmag = numbers("tmag", np.nan)
    if "g" in found:
        estimated = estimate_tmag(numbers("g", np.nan), numbers("color", np.nan))
        tmag = np.where(np.isfinite(tmag), tmag, estimated)
    ra, dec = numbers("ra", np.nan), numbers("dec", np.nan)
    pm_ra, pm_dec = (numbers(field, np.nan) for field in ("pm_ra", "pm_dec"))
    errors = [np.nan_to_num(numbers(f"pm_{axis}_error", 0.0)) for axis in ("ra", "dec")]
    error = np.where(np.isfinite(pm_ra + pm_dec), np.maximum(*errors), np.inf)
    pm_ra, pm_dec = np.nan_to_num(pm_ra), np.nan_to_num(pm_dec)
    if epoch is None:
        epoch = _told_epoch(table)
    told = epoch is not None or "epoch" in found
    years = np.full(len(table), epoch if epoch is not None else np.nan)
    if epoch is None and "epoch" in found:
        years = numbers("epoch", np.nan)
    tic = bool({"Tmag", "pmRA", "pmDEC"} & set(table.colnames))
    years = np.where(np.isfinite(years), years, TIC_EPOCH if tic else GAIA_EPOCH)
    ids = _identifiers(table, found)
    fine = np.isfinite(ra) & np.isfinite(dec) & np.isfinite(tmag) & (np.abs(dec) <= 90.0)
    if not fine.any():
        raise ValueError("no star has position and magnitude")
    common = float(np.median(years[fine]))
    # Stars of other epochs are moved to the one that most have.
    shift = (common - years) / 3.6e6
    ra = ra + pm_ra * shift / np.maximum(np.cos(np.deg2rad(np.nan_to_num(dec))), 1e-9)
    dec = dec + pm_dec * shift
    return StarCatalog(
        ids=ids[fine],
        ra=ra[fine] % 360.0,
        dec=dec[fine],
        tmag=tmag[fine],
        pm_ra=pm_ra[fine],
        pm_dec=pm_dec[fine],
        epoch=common,
        name=name,
        motion=TOLD if told else UNDATED,
        pm_error=error[fine],
    )


def _factor(column: Any, wanted: str | None) -> float:
    """What takes a column's own unit to the one wanted; 1 where it has none, or one of no use."""
    import astropy.units as u

    unit = getattr(column, "unit", None)
    if wanted is None or unit is None or not u.Unit(unit).is_equivalent(wanted):
        return 1.0
    return float(u.Unit(unit).to(wanted))


def _told_epoch(table: Any) -> float | None:
    for key, value in table.meta.items():
        if str(key).lower() in ("epoch", "ref_epoch"):
            try:
                return float(str(value).strip().lstrip("Jj"))
            except ValueError as error:
                raise ValueError(f"its epoch {value!r} is no Julian year") from error
    return None


def _identifiers(table: Any, found: dict[str, str]) -> Array:
    """Integers, or the last number of names such as ``Gaia DR3 4472832130942575872``."""
    if "ids" not in found:
        return np.arange(1, len(table) + 1)
    column = np.ma.filled(np.ma.asarray(table[found["ids"]]))
    if column.dtype.kind in "iu":
        return np.asarray(column, np.int64)
    out = np.zeros(len(table), np.int64)
    for k, value in enumerate(column):
        number = _LAST_NUMBER.search(value.decode() if isinstance(value, bytes) else str(value))
        out[k] = int(number.group(1)) if number else k + 1
    return out
