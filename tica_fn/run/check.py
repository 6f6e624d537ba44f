"""Checking a delivery, file by file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import describe, of_the_package
from tica_fn.run.check_frame import faults_of_frame
from tica_fn.run.delivery import CCDS_OF_ALL, FrameName, parse_frame_name
from tica_fn.run.outputs import STARS_FOLDER, ccd_folder
from tica_fn.wcs.hdf5_file import open_hdf5
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["Fault", "check_delivery"]

STAR_DATASETS = (
    "blkidxs", "contrastcols", "contrastrows", "decs", "obscols", "obsrows", "predcols",
    "predrows", "ras", "tics", "tmags",
)  # fmt: skip
_STAR_FILE = re.compile(r"hlsp_tica_tess_ffi_s(\d{4})-cam([1-4])-ccd([1-4])_tess_(v\d\d)_cat\.h5")


@attrs.frozen
class Fault:
    """A fault and its file."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def check_delivery(
    delivery: Path,
    jobs: int = 1,
    *,
    allow_gaps: bool = False,
    on_checked: Callable[[Path], None] | None = None,
) -> list[Fault]:
    """Check everything in a delivery.

    Parameters
    ----------
    delivery : pathlib.Path
        Folder of the delivery.
    jobs : int
        Frames checked at a time.
    allow_gaps : bool
        Accept cadences that are missing on all CCDs.
    on_checked : callable, optional
        Called with each frame that was checked.

    Returns
    -------
    list of Fault
        All faults, in order of file; empty if there are none.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    if not delivery.is_dir():
        raise NotADirectoryError(f"{delivery}: no such folder")
    faults = list(_folders(delivery))
    stars: dict[tuple[int, int], ReferenceStars] = {}
    names: list[tuple[Path, Mapping[str, Any]]] = []
    faults += _star_files(delivery, stars, names)
    frames: dict[tuple[int, int], dict[int, Path]] = {}
    todo: list[tuple[Path, FrameName]] = []
    for ccd in CCDS_OF_ALL:
        folder = delivery / ccd_folder(*ccd)
        frames[ccd] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            name = parse_frame_name(path.name)
            if name is None:
                faults.append(Fault(path, "not a frame's name as at MAST"))
                continue
            if (name.camera, name.ccd) != ccd:
                faults.append(
                    Fault(path, f"its name says another CCD than the folder {folder.name}")
                )
            if name.cadence in frames[ccd]:
                faults.append(Fault(path, f"a second frame of cadence {name.cadence}"))
            frames[ccd][name.cadence] = path
            todo.append((path, name))
    faults += _cadences(delivery, frames, allow_gaps)
    names += [(path, attrs.asdict(name)) for path, name in todo]
    faults += _one_of_all(names)

    def one(item: tuple[Path, FrameName]) -> list[Fault]:
        path, name = item
        try:
            found = [Fault(path, what) for what in faults_of_frame(path, name, stars)]
        except Exception as error:  # Any library error is this file's fault only.
            found = [Fault(path, _in_words(path, error))]
        if on_checked is not None:
            on_checked(path)
        return found

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for found in pool.map(one, todo):
            faults += found
    return sorted(faults, key=lambda fault: str(fault.path))


def _in_words(path: Path, error: Exception) -> str:
    return describe(of_the_package(path, error)).removeprefix(f"{path}: ")


def _folders(delivery: Path) -> Iterator[Fault]:
    wanted = {STARS_FOLDER, *(ccd_folder(*ccd) for ccd in CCDS_OF_ALL)}
    for name in sorted(wanted):
        if not (delivery / name).is_dir():
            yield Fault(delivery / name, "the folder is missing")
    for path in sorted(delivery.iterdir()):
        if path.name not in wanted:
            yield Fault(path, "is not part of a delivery")


def _star_files(
    delivery: Path,
    stars: dict[tuple[int, int], ReferenceStars],
    names: list[tuple[Path, Mapping[str, Any]]],
) -> Iterator[Fault]:
    folder = delivery / STARS_FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        match = _STAR_FILE.fullmatch(path.name)
        if match is None:
            yield Fault(path, "not a star file's name as at MAST")
            continue
        ccd = int(match[2]), int(match[3])
        names.append((path, {"sector": int(match[1]), "version": match[4]}))
        if ccd in stars:
            yield Fault(path, f"a second star file of camera {ccd[0]} CCD {ccd[1]}")
        try:
            with open_hdf5(path) as file:
                missing = [name for name in STAR_DATASETS if name not in file]
                broken = [
                    name
                    for name in STAR_DATASETS
                    if name in file and np.isnan(np.asarray(file[name][()], float)).any()
                ]
            if missing:
                yield Fault(path, f"lacks {', '.join(missing)}")
            if broken:
                yield Fault(path, f"NaN in {', '.join(broken)}")
            if not missing and not broken:
                stars[ccd] = read_reference_stars(path)
                if not len(stars[ccd]):
                    yield Fault(path, "holds no stars")
        except Exception as error:
            yield Fault(path, _in_words(path, error))
    here = {path.name for path in folder.iterdir()}
    for camera, ccd_number in CCDS_OF_ALL:
        if not any(f"-cam{camera}-ccd{ccd_number}_" in name for name in here):
            yield Fault(folder, f"no star file of camera {camera} CCD {ccd_number}")


def _cadences(
    delivery: Path, frames: dict[tuple[int, int], dict[int, Path]], allow_gaps: bool
) -> Iterator[Fault]:
    """Cadences that some CCDs lack, and gaps on all CCDs."""
    everything = sorted({cadence for one in frames.values() for cadence in one})
    if not everything:
        yield Fault(delivery, "holds no frames")
        return
    for ccd, mine in frames.items():
        folder = delivery / ccd_folder(*ccd)
        lacking = [cadence for cadence in everything if cadence not in mine]
        if lacking and folder.is_dir():
            yield Fault(
                folder,
                f"{len(mine)} frames, {len(everything)} in others; no {_ranges(lacking)}",
            )
    if not allow_gaps:
        here = set(everything)
        gaps = [c for c in range(everything[0], everything[-1]) if c not in here]
        if gaps:
            yield Fault(delivery, f"cadence gap: no CCD has {_ranges(gaps)}")


def _ranges(numbers: list[int]) -> str:
    runs = np.split(np.array(numbers), np.flatnonzero(np.diff(numbers) > 1) + 1)
    words = [f"{run[0]}" if run.size == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return ", ".join(words[:20]) + (f" and {len(words) - 20} more" if len(words) > 20 else "")


def _one_of_all(names: list[tuple[Path, Mapping[str, Any]]]) -> Iterator[Fault]:
    """Names that disagree with most others on sector, orbit or version."""
    for what in ("sector", "orbit", "version"):
        said = [(path, name[what]) for path, name in names if what in name]
        values = [value for _, value in said]
        usual = max(dict.fromkeys(values), key=values.count, default=None)
        for path, value in said:
            if value != usual:
                yield Fault(path, f"its name says {what} {value}, most say {usual}")
