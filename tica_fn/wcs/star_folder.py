"""Reference stars of many CCDs in one folder, with file names as at MAST or in TICA."""

from __future__ import annotations

import os
import re
from pathlib import Path
from threading import Lock

from tica_fn.errors import AstrometryError, FrameError
from tica_fn.frame import Frame
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["StarFolder", "place_of_stars", "stars_name"]

_PLACES = (".", "ref-stars", "ref_stars", "refout")
_NAMES = (
    re.compile(r"hlsp_.*_s(\d{4})(?:-o\w+)?-cam(\d)-ccd(\d)_.*_cat\.h5"),
    re.compile(r"reftica_s(\d+)_(\d)-(\d)\.h5"),
)


def stars_name(sector: int, camera: int, ccd: int) -> str:
    """Name of a file of reference stars at MAST."""
    return f"hlsp_tica_tess_ffi_s{sector:04d}-cam{camera}-ccd{ccd}_tess_v01_cat.h5"


def place_of_stars(name: str) -> tuple[int, int, int] | None:
    """Sector, camera and CCD in the name of a file of reference stars; None if it has others."""
    found = next((match for match in (p.fullmatch(name) for p in _NAMES) if match), None)
    if found is None:
        return None
    sector, camera, ccd = map(int, found.groups())
    return sector, camera, ccd


class StarFolder:
    """Finds the reference stars of a frame's CCD; reads each file once; safe for threads."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._lock = Lock()
        self._read: dict[Path, ReferenceStars] = {}
        self._files: dict[tuple[int, int, int], list[Path]] = {}
        for place in _PLACES:
            for path in sorted(self.folder.joinpath(place).glob("*.h5")):
                found = place_of_stars(path.name)
                if found is not None:
                    self._files.setdefault(found, []).append(path)
        if not self._files:
            raise AstrometryError(
                f"{self.folder}: no reference stars in this folder, with names as at MAST "
                f"({stars_name(35, 1, 1)}) or in TICA (reftica_s35_1-1.h5)"
            )

    def path_for(self, frame: Frame) -> Path:
        """File of a frame's sector, camera and CCD."""
        of_ccd = {
            key[0]: paths
            for key, paths in self._files.items()
            if key[1:] == (frame.camera, frame.ccd) and frame.sector in (None, key[0])
        }
        what = f"camera {frame.camera}, CCD {frame.ccd}"
        if frame.sector is not None:
            what = f"sector {frame.sector}, {what}"
        if not of_ccd:
            raise FrameError(f"no reference stars of {what} in {self.folder}")
        if len(of_ccd) > 1:
            raise FrameError(
                f"the sector is not known, and {self.folder} has reference stars of {what} for "
                f"sectors {', '.join(map(str, sorted(of_ccd)))}"
            )
        (paths,) = of_ccd.values()
        if len(paths) > 1:
            raise FrameError(
                f"several files of reference stars of {what}: {', '.join(map(str, paths))}"
            )
        return paths[0]

    def stars_for(self, frame: Frame) -> ReferenceStars:
        """Reference stars of a frame's sector, camera and CCD."""
        path = self.path_for(frame)
        with self._lock:
            if path not in self._read:
                self._read[path] = read_reference_stars(path)
            return self._read[path]
