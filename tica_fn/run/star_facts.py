"""What the record says of reference stars, and of a frame's offset from them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.fits.gate import open_checked
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["facts_of_stars", "shift_of_columns", "shift_of_file"]

_NAME = re.compile(r"cam([1-4])-?_?ccd([1-4])|_([1-4])-([1-4])\.h5")


def facts_of_stars(path: Path) -> dict[str, Any] | None:
    """Facts of a file of reference stars, whose name says the CCD; None where it does not."""
    match = _NAME.search(path.name)
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
    }


def shift_of_columns(stars: ReferenceStars, table: Any) -> dict[str, float]:
    """Median offset of a frame's good stars from the reference image, pixels.

    `table`: its ``WCS_STARS``.
    """
    good = np.asarray(table["FLXVALID"]) == 1
    if len(table["TIC"]) != len(stars) or not good.any():
        return {}
    columns = np.asarray(table["FLXCOL"], float)[good] - stars.columns[good]
    rows = np.asarray(table["FLXROW"], float)[good] - stars.rows[good]
    return {"shift_columns": float(np.median(columns)), "shift_rows": float(np.median(rows))}


def shift_of_file(product: Path, stars: Path) -> dict[str, float]:
    """The same of a product that is there."""
    with open_checked(product) as opened:
        return shift_of_columns(read_reference_stars(stars), opened["WCS_STARS"].data)
