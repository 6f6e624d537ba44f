"""Places of a run's outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from errno import ENOENT
from pathlib import Path

from tica_fn.errors import FrameError

__all__ = [
    "CCD_FOLDER",
    "STARS_CCD",
    "STARS_FOLDER",
    "ccd_folder",
    "given_stars",
    "products_of",
    "stars_path",
    "stat_facts",
]

CCD_FOLDER = re.compile(r"cam[1-4](-ccd[1-4])?")
STARS_FOLDER = "ref-stars"
STARS_CCD = re.compile(r"cam([1-4])-?_?ccd([1-4])|_([1-4])-([1-4])\.h5")
"""Camera and CCD in the name of a file of reference stars, as at MAST or in TICA."""
_PRODUCT = re.compile(r"[^.].*\.fits(\.gz|\.fz)?")


def ccd_folder(camera: int, ccd: int | None) -> str:
    """Folder of a CCD's products, or of a camera's if they contain four CCDs."""
    return f"cam{camera}" if ccd is None else f"cam{camera}-ccd{ccd}"


def stars_path(folder: Path, sector: int, camera: int, ccd: int) -> Path:
    """File of a CCD's reference stars, named as at MAST."""
    name = f"hlsp_tica_tess_ffi_s{sector:04d}-cam{camera}-ccd{ccd}_tess_v01_cat.h5"
    return folder / STARS_FOLDER / name


def given_stars(place: Path) -> list[Path]:
    """Files of reference stars that were given: one, or a folder with one for each CCD.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    FrameError
        If no name gives camera and CCD, or two files are of the same CCD.
    """
    if not place.exists():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(place))
    files: dict[tuple[str, ...], Path] = {}
    for path in sorted(place.glob("*.h5")) if place.is_dir() else [place]:
        found = STARS_CCD.search(path.name)
        if found is None:
            continue
        ccd = tuple(word for word in found.groups() if word)
        if ccd in files:
            raise FrameError(
                f"{path}: the reference stars of camera {ccd[0]} CCD {ccd[1]} are in "
                f"{files[ccd].name} too; give a folder with those of one sector"
            )
        files[ccd] = path
    if not files:
        raise FrameError(
            f"{place}: no reference stars, with names as at MAST (..._s0035-cam1-ccd1_..._cat.h5) "
            "or in TICA (reftica_s35_1-1.h5)"
        )
    return list(files.values())


def products_of(folder: Path) -> Iterator[Path]:
    """Products of a run, in order of CCD and name."""
    for place in sorted(folder.iterdir()):
        if place.is_dir() and CCD_FOLDER.fullmatch(place.name):
            yield from sorted(p for p in place.iterdir() if _PRODUCT.fullmatch(p.name))


def stat_facts(path: Path) -> dict[str, int]:
    """Size and time of a file."""
    said = path.stat()
    return {"size": said.st_size, "mtime_ns": said.st_mtime_ns}
