"""Names and orbit segments of high-level science products at MAST."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING

from tica_fn.fits.orbits import orbits_of_sector

if TYPE_CHECKING:
    from tica_fn.frame import Frame

__all__ = ["SEGMENTS", "is_hlsp_name", "segment_of"]

SEGMENTS = ("o1", "o2", "o3", "o4", "o1a", "o1b", "o2a", "o2b", "o3a", "o3b", "o4a", "o4b")
"""Orbits of a sector, and their halves, in the form of ``ORB_SEG`` and of names at MAST."""


def segment_of(frame: Frame) -> str | None:
    """Orbit of its sector in which a frame was taken, if its header says so.

    Parameters
    ----------
    frame : Frame
        Any frame.

    Returns
    -------
    str or None
        The value of ``ORB_SEG``, else ``"o1"`` to ``"o4"`` from ``ORBIT_ID``, else None.
    """
    said = str(frame.header.get("ORB_SEG", "")).strip()
    if said:
        return said
    orbit = frame.header.get("ORBIT_ID")
    orbits = orbits_of_sector(frame.sector) if frame.sector is not None else ()
    return f"o{orbits.index(orbit) + 1}" if orbit in orbits else None


def is_hlsp_name(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file has the name of a high-level science product.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    bool
        Whether its name begins with ``hlsp_``.
    """
    return PurePath(path).name.startswith("hlsp_")
