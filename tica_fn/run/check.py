"""A delivery checked: everything that is wrong with it, file by file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import describe
from tica_fn.fits.blocks import RawHDU, read_blocks
from tica_fn.run.delivery import CCDS_OF_ALL, FrameName, parse_frame_name
from tica_fn.run.outputs import STARS_FOLDER, ccd_folder
from tica_fn.wcs.comparison import solution_of_header
from tica_fn.wcs.hdf5_file import open_hdf5
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars
from tica_fn.wcs.solution import CRPIX, PIXEL_ARCSEC

__all__ = ["Fault", "check_delivery"]

STAR_DATASETS = (
    "blkidxs", "contrastcols", "contrastrows", "decs", "obscols", "obsrows", "predcols",
    "predrows", "ras", "tics", "tmags",
)  # fmt: skip
STAR_COLUMNS = ("TIC", "FLXCOL", "FLXROW", "FLX", "BKG", "FLXVALID")
_STAR_FILE = re.compile(r"hlsp_tica_tess_ffi_s(\d{4})-cam([1-4])-ccd([1-4])_tess_(v\d\d)_cat\.h5")
_FARTHEST_PIXELS = 0.5
_SCALE_TOLERANCE = 0.03


@attrs.frozen
class Fault:
    """What is wrong, and where."""

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
        Its folder.
    jobs : int
        Frames checked at a time.
    allow_gaps : bool
        Whether cadences may be missing that no CCD has.
    on_checked : callable, optional
        Called with each frame that was looked at.

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
    faults += _star_files(delivery, stars)
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
    faults += _one_of_all(todo)

    def one(item: tuple[Path, FrameName]) -> list[Fault]:
        path, name = item
        try:
            found = [Fault(path, what) for what in _frame(path, name, stars)]
        except (OSError, ValueError, KeyError, TypeError) as error:
            found = [Fault(path, describe(error).removeprefix(f"{path}: "))]
        if on_checked is not None:
            on_checked(path)
        return found

    with ThreadPoolExecutor(max(jobs, 1)) as pool:
        for found in pool.map(one, todo):
            faults += found
    return sorted(faults, key=lambda fault: str(fault.path))


def _folders(delivery: Path) -> Iterator[Fault]:
    wanted = {STARS_FOLDER, *(ccd_folder(*ccd) for ccd in CCDS_OF_ALL)}
    for name in sorted(wanted):
        if not (delivery / name).is_dir():
            yield Fault(delivery / name, "the folder is missing")
    for path in sorted(delivery.iterdir()):
        if path.name not in wanted:
            yield Fault(path, "is no part of a delivery")


def _star_files(delivery: Path, stars: dict[tuple[int, int], ReferenceStars]) -> Iterator[Fault]:

    folder = delivery / STARS_FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        match = _STAR_FILE.fullmatch(path.name)
        if match is None:
            yield Fault(path, "not a star file's name as at MAST")
            continue
        ccd = int(match[2]), int(match[3])
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
        except (OSError, ValueError, RuntimeError) as error:
            yield Fault(path, describe(error).removeprefix(f"{path}: "))
    names = {path.name for path in folder.iterdir()}
    for camera, ccd_number in CCDS_OF_ALL:
        if not any(f"-cam{camera}-ccd{ccd_number}_" in name for name in names):
            yield Fault(folder, f"no star file of camera {camera} CCD {ccd_number}")


def _cadences(
    delivery: Path, frames: dict[tuple[int, int], dict[int, Path]], allow_gaps: bool
) -> Iterator[Fault]:
    """Cadences that some CCDs have and others do not, and those that none has."""
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


def _one_of_all(todo: list[tuple[Path, FrameName]]) -> Iterator[Fault]:
    """Names must agree on sector, orbit and version with most of the others."""
    for what in ("sector", "orbit", "version"):
        values = [getattr(name, what) for _, name in todo]
        if len(set(values)) > 1:
            usual = max(set(values), key=values.count)
            for (path, _), value in zip(todo, values, strict=True):
                if value != usual:
                    yield Fault(path, f"its name says {what} {value}, most say {usual}")


def _frame(
    path: Path, name: FrameName, stars: dict[tuple[int, int], ReferenceStars]
) -> Iterator[str]:
    """What is wrong with one frame."""
    hdus = read_blocks(path, verify=True)
    for number, hdu in enumerate(hdus):
        for keyword in ("CHECKSUM", "DATASUM"):
            if not str(hdu.header.get(keyword, "")).strip():
                yield f"HDU {number} has no {keyword}"
    if len(hdus) != 2:
        yield f"{len(hdus)} HDUs, not 2"
    header: Any = hdus[0].header
    shape = header.get("NAXIS"), header.get("NAXIS1"), header.get("NAXIS2")
    if shape != (2, 2136, 2078):
        yield f"an image of {shape[1]} x {shape[2]} pixels, not 2136 x 2078"
    yield from _against_name(header, name)
    faults = list(_wcs_cards(header))
    yield from faults
    if len(hdus) < 2:
        return
    table, said = _table(hdus[1])
    yield from said
    if table is not None and not faults:
        yield from _solution(header, table, stars.get((name.camera, name.ccd)))


def _against_name(header: Any, name: FrameName) -> Iterator[str]:
    pairs = (
        ("camera", ("CAMNUM", "CAMERA", "CAM"), name.camera),
        ("CCD", ("CCDNUM", "CCD"), name.ccd),
        ("cadence", ("FFIINDEX", "CADENCE"), name.cadence),
        ("sector", ("SECTOR",), name.sector),
    )
    for what, keywords, wanted in pairs:
        said = next((header[key] for key in keywords if key in header), None)
        if said is None and what != "sector":
            yield f"the header has no {' or '.join(keywords)}"
        elif said is not None and said != wanted:
            yield f"the header says {what} {said}, the name {wanted}"
    segment = str(header.get("ORB_SEG", "")).strip()
    if segment and not (segment.startswith(name.orbit) or name.orbit.startswith(segment)):
        yield f"the header says orbit {segment}, the name {name.orbit}"


def _wcs_cards(header: Any) -> Iterator[str]:
    for key, wanted in (("CTYPE1", "RA---TAN-SIP"), ("CTYPE2", "DEC--TAN-SIP")):
        if header.get(key) != wanted:
            yield f"{key} is {header.get(key)!r}, not {wanted!r}"
    crpix = header.get("CRPIX1"), header.get("CRPIX2")
    if crpix != CRPIX:
        yield f"CRPIX is {crpix}, not {CRPIX}"
    for key in ("CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        if not _finite(header.get(key)):
            yield f"{key} is {header.get(key)!r}, not a finite number"
    for key in ("A_ORDER", "B_ORDER"):
        if not _finite(header.get(key)) or not header[key]:
            yield f"{key} is {header.get(key)!r}"


def _finite(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )


def _table(hdu: RawHDU) -> tuple[Any, list[str]]:
    """The table of stars, and what is wrong with it."""
    header: Any = hdu.header
    if str(header.get("XTENSION", "")).strip() != "BINTABLE":
        return None, ["HDU 1 is no table of stars"]
    kinds = {"K": ">i8", "J": ">i4", "I": ">i2", "E": ">f4", "D": ">f8"}
    fields = []
    for n in range(1, int(header["TFIELDS"]) + 1):
        form = str(header[f"TFORM{n}"]).strip().removeprefix("1")
        if form not in kinds:
            return None, [f"HDU 1: a column of form {form}"]
        fields.append((str(header[f"TTYPE{n}"]).strip(), kinds[form]))
    missing = [name for name in STAR_COLUMNS if name not in dict(fields)]
    if missing:
        return None, [f"the table of stars lacks {', '.join(missing)}"]
    table = np.frombuffer(hdu.data, np.dtype(fields), count=int(header["NAXIS2"]))
    broken = [name for name in STAR_COLUMNS if np.isnan(table[name].astype(float)).any()]
    return table, [f"NaN in {', '.join(broken)}"] if broken else []


def _solution(header: Any, table: Any, stars: ReferenceStars | None) -> Iterator[str]:
    """Whether the solution is one of the sky, and that of its stars."""
    solution = solution_of_header(header)
    scale = np.sqrt(abs(np.linalg.det(solution.cd))) * 3600.0
    if not abs(scale / PIXEL_ARCSEC - 1.0) < _SCALE_TOLERANCE:
        yield f"a pixel of {scale:.3f} arcsec, not about {PIXEL_ARCSEC:g}"
        return
    good = table["FLXVALID"] == 1
    share = header.get("WCSGDF")
    if not _finite(share):
        yield "the header has no WCSGDF"
    elif abs(float(good.mean() if good.size else 0.0) - share) > 1e-3:
        yield f"WCSGDF is {share}, of the table's stars {good.mean():.6f} are good"
    if stars is None:
        return
    if table.size != len(stars) or not np.array_equal(table["TIC"], stars.ids):
        yield "its table has other stars than the star file"
        return
    if not good.any():
        return
    columns, rows = solution.sky_to_pixel(stars.ra[good], stars.dec[good])
    away = np.hypot(columns - table["FLXCOL"][good], rows - table["FLXROW"][good])
    typical = float(np.nanmedian(away)) if np.isfinite(away).any() else np.inf
    if not typical < _FARTHEST_PIXELS:
        yield f"its solution puts its stars {typical:.2f} pixels off where they were measured"
