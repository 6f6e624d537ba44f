"""Facts about reference stars for the record, and a frame's offset from them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.errors import FrameError
from tica_fn.fits.gate import open_checked
from tica_fn.fits.image_file import ImageFile
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.run.outputs import STARS_CCD
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars
from tica_fn.wcs.star_folder import place_of_stars

__all__ = [
    "check_sector",
    "digest_of",
    "facts_of_columns",
    "facts_of_solved",
    "facts_of_stars",
]


def facts_of_stars(path: Path) -> dict[str, Any] | None:
    """Facts about a file of reference stars; None if its name does not give the CCD."""
    match = STARS_CCD.search(path.name)
    if match is None:
        return None
    stars = read_reference_stars(path)
    name = stars.name
    return {
        "camera": int(match[1] or match[3]),
        "ccd": int(match[2] or match[4]),
        "reference": name,
        "cadence": int(name) if name.isdigit() else None,
        "count": len(stars),
        "tmag_min": float(stars.tmag.min()),
        "tmag_max": float(stars.tmag.max()),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "digest": digest_of(stars.ids),
    }


def check_sector(path: Path, image: ImageFile) -> None:
    """Refuse stars whose file is named for another sector than an image's."""
    place, sector = place_of_stars(path.name), image.frame.sector
    if place is not None and sector not in (None, place[0]):
        raise FrameError(
            f"{image.path}: of sector {sector}, but the reference stars {path.name} are of sector "
            f"{place[0]}"
        )


def digest_of(ids: Any) -> str:
    """Short hash of the (n,) identifiers of reference stars, in order."""
    return hashlib.sha256(np.asarray(ids, "<i8").tobytes()).hexdigest()[:12]


def facts_of_columns(
    stars: ReferenceStars, table: Any, origin: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """Hash of the stars a frame was solved with, and the median offset of the good ones [pixels].

    `table`: its ``WCS_STARS``, in pixels of an image whose first one is at row and column `origin`
    of the readout, 0-based.  The offset is relative to `stars` in the reference image.
    """
    said: dict[str, Any] = {"wcs_stars": digest_of(table["TIC"])}
    good = np.asarray(table["FLXVALID"]) == 1
    if said["wcs_stars"] != digest_of(stars.ids) or not good.any():
        return said
    columns = np.asarray(table["FLXCOL"], float)[good] + origin[1] - stars.columns[good]
    rows = np.asarray(table["FLXROW"], float)[good] + origin[0] - stars.rows[good]
    shift = {"shift_columns": float(np.median(columns)), "shift_rows": float(np.median(rows))}
    return said | shift


def facts_of_solved(product: Path, stars: ReferenceStars) -> dict[str, Any]:
    """The same facts for an existing product with a solution."""
    with open_checked(product) as opened:
        image = next(hdu.header for hdu in opened if hdu.header.get("NAXIS") == 2)
        return facts_of_columns(stars, opened["WCS_STARS"].data, origin_of(image))
