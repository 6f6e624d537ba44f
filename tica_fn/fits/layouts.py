"""Layouts of products: their content, file names and writers.

A new layout needs a module that writes it and an entry in `LAYOUTS`.  The command line's help
reads this table, so heavy modules are imported where they are used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tica_fn.frame import Frame

__all__ = ["LAYOUTS", "PACKINGS", "Layout"]

PACKINGS = {"none": "", "gzip": ".gz", "rice": ".fz", "gzip2": ".fz"}
"""Kinds of compression, and the ending of the file name for each."""

Write = Callable[["Frame", str | os.PathLike[str], str], None]


class Layout(NamedTuple):
    """One layout.

    `stem` makes the stem of a product's name from its input's; `names` are the possible naming
    schemes; `write` takes frame, path and compression.
    """

    what: str
    stem: Callable[[str], str]
    write: Write
    names: tuple[str, ...] = ("stem",)
    per_second: bool = False
    holds_variance: bool = False
    holds_cameras: bool = False


def _tica_stem(stem: str) -> str:
    return f"{stem}.cal"


def _write_tica(frame: Frame, path: str | os.PathLike[str], packing: str) -> None:
    from tica_fn.fits.extensions import quality_hdu, uncertainty_hdu
    from tica_fn.fits.shared_variance import shared_hdu
    from tica_fn.fits.tica import write_tica
    from tica_fn.fits.tiled import TILE_COMPRESSION, write_tiled

    if packing in TILE_COMPRESSION:
        write_tiled(frame, path, packing)
        return
    planes = []
    if frame.variance is not None:
        planes.append(uncertainty_hdu(frame, path))
    if frame.quality is not None:
        planes.append(quality_hdu(frame, path))
    planes += shared_hdu(frame)
    write_tica(frame, path, planes)


def _spoc_stem(stem: str) -> str:
    stem = stem.removesuffix(".cal")
    return stem.replace("ffir", "ffic") if "ffir" in stem else f"{stem}_ffic"


def _write_spoc(frame: Frame, path: str | os.PathLike[str], packing: str) -> None:
    from tica_fn.fits.spoc_out import write_spoc
    from tica_fn.fits.tiled import TILE_COMPRESSION, write_tiled

    if packing in TILE_COMPRESSION:
        write_tiled(frame, path, packing, layout="spoc")
    else:
        write_spoc(frame, path, quality=frame.quality is not None)


LAYOUTS = {
    "tica": Layout(
        what="image in the primary HDU, electrons per exposure",
        stem=_tica_stem,
        write=_write_tica,
        names=("stem", "hlsp"),
        holds_cameras=True,
    ),
    "spoc": Layout(
        what="like the mission's ffic files, image and uncertainty in extensions, electrons per "
        "second",
        stem=_spoc_stem,
        write=_write_spoc,
        names=("stem", "spoc"),
        per_second=True,
        holds_variance=True,
    ),
}
"""All layouts by name; the first is the default."""
