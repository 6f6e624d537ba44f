"""Places of a run's outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CCD_FOLDER", "STARS_FOLDER", "ccd_folder", "products_of", "stars_path", "stat_facts"]

CCD_FOLDER = re.compile(r"cam[1-4](-ccd[1-4])?")
STARS_FOLDER = "ref-stars"
_PRODUCT = re.compile(r"[^.].*\.fits(\.gz|\.fz)?")


def ccd_folder(camera: int, ccd: int | None) -> str:
    """Folder of a CCD's products, or of a camera's if they contain four CCDs."""
    return f"cam{camera}" if ccd is None else f"cam{camera}-ccd{ccd}"


def stars_path(folder: Path, sector: int, camera: int, ccd: int) -> Path:
    """File of a CCD's reference stars, named as at MAST."""
    name = f"hlsp_tica_tess_ffi_s{sector:04d}-cam{camera}-ccd{ccd}_tess_v01_cat.h5"
    return folder / STARS_FOLDER / name


def products_of(folder: Path) -> Iterator[Path]:
    """Products of a run, in order of CCD and name."""
    for place in sorted(folder.iterdir()):
        if place.is_dir() and CCD_FOLDER.fullmatch(place.name):
            yield from sorted(p for p in place.iterdir() if _PRODUCT.fullmatch(p.name))


def stat_facts(path: Path) -> dict[str, int]:
    """Size and time of a file."""
    said = path.stat()
    return {"size": said.st_size, "mtime_ns": said.st_mtime_ns}
