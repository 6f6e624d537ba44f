"""Star catalogues from tables that astropy can read, with columns as in TIC or Gaia."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import identity_of
from tica_fn.fits.gate import check_table
from tica_fn.immutable import Array
from tica_fn.wcs.catalog import GAIA_EPOCH, TOLD, UNDATED, StarCatalog, estimate_tmag
from tica_fn.wcs.hdf5_file import MAGIC, open_hdf5
from tica_fn.wcs.identifiers import identifiers

__all__ = ["catalog_of_table", "read_catalog", "read_table"]

TIC_EPOCH = 2000.0
_NAMES = {
    "ids": ("id", "tic", "ticid", "tic_id", "source_id", "source", "gaia", "designation"),
    "ra": ("ra", "ra_icrs", "raj2000", "_raj2000", "_ra", "ra_deg"),
    "dec": (
        "dec",
        "de_icrs",
        "dec_icrs",
        "dej2000",
        "decj2000",
        "_dej2000",
        "_dec",
        "_de",
        "dec_deg",
    ),
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
_SEXAGESIMAL = re.compile(r"[+-]?\d+(?:[:hd°]|\s+)\s*\d.*")


def read_catalog(path: str | os.PathLike[str], epoch: float | None = None) -> StarCatalog:
    """Read a star catalogue from a file.

    Parameters
    ----------
    path : path-like
        Any table that astropy recognizes: FITS, VOTable, ECSV, HDF5, CSV, plain text.
    epoch : float, optional
        Julian year of the positions; by default that in the table, see `catalog_of_table`.

    Returns
    -------
    StarCatalog
        The stars.

    Raises
    ------
    BadFileError
        If it is not a table, or columns are missing.
    OSError
        If it can't be read.
    """
    path = Path(path)
    try:
        return catalog_of_table(read_table(path), epoch, name=path.name)
    except ValueError as error:
        raise BadFileError(f"{path}: {error}") from error


def read_table(path: str | os.PathLike[str]) -> Any:
    """Read a table in any format that astropy knows."""
    before = identity_of(path)
    check_table(path)
    table = _read(path)
    if identity_of(path) != before:
        raise ValueError("was changed by another program while it was read")
    return table


def _read(path: str | os.PathLike[str]) -> Any:
    import warnings

    from astropy.table import Table

    with Path(path).open("rb") as file:
        is_hdf5 = file.read(8) == MAGIC
    with warnings.catch_warnings():
        # Some tables have units that astropy does not know; they are not used here.
        warnings.simplefilter("ignore")
        if is_hdf5:
            with open_hdf5(path) as opened:
                try:
                    return Table.read(opened, format="hdf5")
                except Exception as error:
                    reason = str(error).strip().split("\n")[0]
                    raise ValueError(f"not a table that astropy can read: {reason}") from error
        try:
            return Table.read(path)
        except Exception:  # Every reader raises its own kinds of errors.
            try:
                return Table.read(path, format="ascii")
            except Exception as error:
                reason = str(error).strip().split("\n")[0]
                raise ValueError(f"not a table that astropy can read: {reason}") from error


def catalog_of_table(table: Any, epoch: float | None = None, name: str = "table") -> StarCatalog:
    """Make a star catalogue from a table.

    Parameters
    ----------
    table : astropy.table.Table or pandas.DataFrame
        Columns, with names in upper or lower case: an identifier (``ID``, ``TIC``, ``source_id``,
        ``Source``; a star without one gets 0), ``ra`` and ``dec`` in degrees or sexagesimal (hours
        and degrees), ``Tmag`` or Gaia's ``phot_g_mean_mag`` (preferably with ``bp_rp``), ``pmRA``
        and ``pmDEC`` in mas/yr (missing ones count as 0 and unknown), and optionally their errors
        (``e_pmRA``, ``pmra_error``).  Columns with other units are converted.  Stars without
        position or magnitude are left out.
    epoch : float, optional
        Julian year of the positions.  By default that of a column ``ref_epoch`` or ``epoch``, or
        of the table's metadata under these names.  Else it is 2000.0 for a table with columns like
        the TIC's (``Tmag``, ``pmRA``), and 2016.0, as in Gaia DR3, for others: a first guess that
        the search for reference stars corrects by the motion of the stars.
    name : str
        Name of the catalogue.

    Returns
    -------
    StarCatalog
        The stars.

    Raises
    ------
    ValueError
        If a column is missing or can't be read as numbers, identifiers have lost digits, or no
        star is left.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from tica_fn.wcs.catalog_tables import catalog_of_table
    >>> rows = Table({"id": [7], "ra": [10.0], "dec": [-5.0], "tmag": [9.0]})
    >>> catalog_of_table(rows).epoch
    2016.0
    """
    table = _as_table(table)
    lower = {column.lower(): column for column in reversed(table.colnames)}
    found = {
        field: lower[next(key for key in keys if key in lower)]
        for field, keys in _NAMES.items()
        if any(key in lower for key in keys)
    }
    missing = [field for field in ("ra", "dec") if field not in found]
    if "tmag" not in found and "g" not in found:
        missing.append("tmag (or phot_g_mean_mag)")
    if missing:
        has = f"there are {', '.join(table.colnames)}" if table.colnames else "the table is empty"
        raise ValueError(f"no column {', '.join(missing)}; {has}")
    for key in found.values():
        if np.ndim(table[key]) != 1:
            shape = np.shape(table[key])[1:]
            raise ValueError(f"column {key} has {shape} values per row, not one")

    def numbers(field: str, empty: float) -> Array:
        if field not in found:
            return np.full(len(table), empty)
        column = table[found[field]]
        if column.dtype.kind in "USO":
            return _numbers_of_text(column, field, found[field])
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
    gaia = bool({"source", "source_id", "ra_icrs"} & set(lower))
    names = {"Tmag", "TMAG"} if gaia else {"Tmag", "TMAG", "pmRA", "pmDEC"}
    tic = bool(names & set(table.colnames))
    years = np.where(np.isfinite(years), years, TIC_EPOCH if tic else GAIA_EPOCH)
    ids = np.arange(1, len(table) + 1)
    if "ids" in found:
        ids = identifiers(table[found["ids"]])
    fine = np.isfinite(ra) & np.isfinite(dec) & np.isfinite(tmag) & (np.abs(dec) <= 90.0)
    if not fine.any():
        raise ValueError("no star has position and magnitude")
    common = float(np.median(years[fine]))
    # Stars of other epochs are moved to the median epoch.
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


def _as_table(table: Any) -> Any:
    """Convert a table with quantities, or from pandas, to a plain astropy table."""
    from astropy.table import QTable, Table

    if not hasattr(table, "colnames"):
        if not hasattr(table, "columns"):
            raise ValueError(
                f"give an astropy table or a pandas.DataFrame, not {type(table).__name__}"
            )
        table = Table.from_pandas(table)
    return Table(table) if isinstance(table, QTable) else table


def _numbers_of_text(column: Any, field: str, name: str) -> Array:
    """Numbers in a column of text, with positions possibly sexagesimal; NaN for empty entries."""
    import astropy.units as u
    from astropy.coordinates import Angle

    missing = np.ma.getmaskarray(np.ma.asarray(column))
    texts = [
        "" if gone or value is None else _text(value)
        for value, gone in zip(np.ma.getdata(np.ma.asarray(column)), missing, strict=True)
    ]
    out = np.full(len(texts), np.nan)
    places = [n for n, text in enumerate(texts) if text.lower() not in ("", "nan", "--", "null")]
    given = [texts[n] for n in places]
    try:
        if field in ("ra", "dec") and any(_SEXAGESIMAL.fullmatch(text) for text in given):
            in_hours = field == "ra" and str(getattr(column, "unit", "")) not in ("deg", "d:m:s")
            out[places] = Angle(given, unit=u.hourangle if in_hours else u.deg).to_value(u.deg)
        else:
            out[places] = [float(text) for text in given]
            out *= _factor(column, _UNITS.get(field))
    except ValueError as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"column {name} can't be read as numbers ({reason})") from error
    return out


def _text(value: Any) -> str:
    return (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()


def _factor(column: Any, wanted: str | None) -> float:
    """Factor from a column's unit to the wanted one; 1 if it has none or an unsuitable one."""
    import astropy.units as u

    unit = getattr(column, "unit", None)
    if wanted == "deg" and unit is not None and u.Unit(unit) == u.hour:
        return 15.0  # Hours of right ascension.
    if wanted is None or unit is None or not u.Unit(unit).is_equivalent(wanted):
        return 1.0
    return float(u.Unit(unit).to(wanted))


def _told_epoch(table: Any) -> float | None:
    for key, value in table.meta.items():
        if str(key).lower() in ("epoch", "ref_epoch"):
            try:
                return float(str(value).strip().lstrip("Jj"))
            except ValueError as error:
                raise ValueError(f"epoch {value!r} is not a Julian year") from error
    return None
