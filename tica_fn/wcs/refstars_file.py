"""Files of reference stars: TICA's HDF5, as published at MAST; and tables for ECSV."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.immutable import Array
from tica_fn.wcs.hdf5_file import MAGIC, open_hdf5
from tica_fn.wcs.refstars import CONTRAST_FACTOR, WING_FACTOR, ReferenceStars

__all__ = ["read_reference_stars", "reference_stars_table", "write_reference_stars"]

_DATASETS = {
    "tics": "ids",
    "ras": "ra",
    "decs": "dec",
    "tmags": "tmag",
    "blkidxs": "blocks",
    "predcols": "predicted_columns",
    "predrows": "predicted_rows",
    "obscols": "columns",
    "obsrows": "rows",
    "contrastcols": "contrast_columns",
    "contrastrows": "contrast_rows",
    "aperturecols": "aperture_columns",
    "aperturerows": "aperture_rows",
}
_ERROR = "position_error_arcsec"
"""Attribute of the dataset ``ras``, so that other readers find only the datasets they know."""
_SINCE_1_1 = ("aperturecols", "aperturerows")


def read_reference_stars(path: str | os.PathLike[str]) -> ReferenceStars:
    """Read a file of reference stars.

    Parameters
    ----------
    path : path-like
        HDF5 file of this package or of TICA.  Files older than TICA 1.1 lack the apertures and the
        limits of the isolation test; rounded positions and TICA's limits are used instead.

    Returns
    -------
    ReferenceStars
        The stars.

    Raises
    ------
    BadFileError
        If it is not such a file.
    OSError
        If it can't be read.
    """
    path = Path(path)
    with path.open("rb") as opened:
        if opened.read(8) != MAGIC:
            raise BadFileError(f"{path}: not an HDF5 file of reference stars")
    with open_hdf5(path) as file:
        try:
            found = {key: np.asarray(file[key][()]) for key in _DATASETS if key in file}
            attributes = {key: file.attrs[key] for key in file.attrs}
            if "ras" in file and _ERROR in file["ras"].attrs:
                attributes[_ERROR] = np.asarray(file["ras"].attrs[_ERROR], np.float64)
        except (OSError, KeyError, RuntimeError, ValueError, TypeError, ArithmeticError) as error:
            raise BadFileError(f"{path}: damaged HDF5 file ({error})") from error
    for key, column in found.items():
        if column.dtype.kind not in "iuf":
            raise BadFileError(f"{path}: {key} does not hold numbers, but {column.dtype}")
    missing = [key for key in _DATASETS if key not in found and key not in _SINCE_1_1]
    if missing:
        raise BadFileError(f"{path}: not a file of reference stars: no {', '.join(missing)}")
    for new, old in zip(_SINCE_1_1, ("obscols", "obsrows"), strict=True):
        found.setdefault(new, np.rint(found[old]))
    shapes = {array.shape for array in found.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 1:
        raise BadFileError(f"{path}: columns of reference stars differ in length")
    # A star without wings on a background of 0 has an infinite contrast.
    broken = [
        key
        for key, array in found.items()
        if np.isnan(array).any() or (np.isinf(array).any() and not key.startswith("contrast"))
    ]
    if broken:
        raise BadFileError(f"{path}: values that are not finite in {', '.join(broken)}")
    values: dict[str, Any] = {field: found[key] for key, field in _DATASETS.items()}
    if _ERROR in attributes and attributes[_ERROR].shape == values["ids"].shape:
        values["position_error"] = attributes[_ERROR]
    return ReferenceStars(
        **values,
        name=_text(attributes.get("ref_FIN", "")),
        wing_factor=float(attributes.get("wingFAC", WING_FACTOR)),
        contrast_factor=float(attributes.get("contrastFAC", CONTRAST_FACTOR)),
    )


def write_reference_stars(stars: ReferenceStars, path: str | os.PathLike[str]) -> None:
    """Write reference stars in TICA's format, completely or not at all.

    Parameters
    ----------
    stars : ReferenceStars
        The stars.
    path : path-like
        File to write; an existing file is replaced.

    Raises
    ------
    OSError
        If it can't be written.
    """
    import h5py

    # In-memory files that threads have open at once must differ in name.
    name = f"stars-{threading.get_ident()}"
    # In memory, so that the file is written in one go and HDF5 does not lock it.
    with h5py.File(name, "w", driver="core", backing_store=False, track_order=False) as file:
        for key, field in _DATASETS.items():
            file.create_dataset(key, data=_plain(getattr(stars, field)), compression="gzip")
        file["ras"].attrs[_ERROR] = stars.position_error.astype(np.float32)
        file.attrs["ref_FIN"] = stars.name
        file.attrs["wingFAC"] = np.float64(stars.wing_factor)
        file.attrs["contrastFAC"] = np.float64(stars.contrast_factor)
        file.flush()
        content = file.id.get_file_image()
    write_whole(Path(path).resolve(), [content])


def reference_stars_table(stars: ReferenceStars) -> Any:
    """Make an astropy table of reference stars, with units and descriptions.

    Parameters
    ----------
    stars : ReferenceStars
        The stars.

    Returns
    -------
    astropy.table.QTable or astropy.table.Table
        One row per star, with columns named like the fields of `ReferenceStars`; ``write(path,
        format="ascii.ecsv")`` keeps all of it.
    """
    from astropy.table import Table

    units = {"ra": "deg", "dec": "deg", "tmag": "mag"}
    pixels = ("predicted_", "aperture_", "columns", "rows")
    table = Table(meta={"reference image": stars.name})
    for field in _DATASETS.values():
        unit = units.get(field) or ("pix" if field.startswith(pixels) else None)
        table[field] = _plain(getattr(stars, field))
        table[field].unit = unit
    table["position_error"] = _plain(stars.position_error)
    table["position_error"].unit = "arcsec"
    table.meta["pixels"] = "full readout, centre of the first pixel at 1"
    table.meta["wing factor"] = stars.wing_factor
    table.meta["contrast factor"] = stars.contrast_factor
    return table


def _plain(array: Array) -> Array:
    return np.array(array)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
