"""Making a delivery from a run: its frames and reference stars under MAST's names."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tica_fn.errors import FrameError, describe, of_the_package
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import content
from tica_fn.fits.orbits import orbits_of_sector
from tica_fn.run.delivery import FrameName, star_name
from tica_fn.run.first_headers import first_headers
from tica_fn.run.outputs import STARS_FOLDER, ccd_folder, products_of
from tica_fn.run.star_facts import facts_of_stars
from tica_fn.wcs.stated import check_solution

__all__ = ["Staged", "stage_run"]

Staged = tuple[Path, Path | None, str]
"""Product, its place in the delivery or None, and the reason if None."""


def stage_run(
    out: Path,
    delivery: Path,
    sector: int,
    orbit: str,
    version: str = "v01",
    *,
    copy: bool = False,
    overwrite: bool = False,
) -> Iterator[Staged]:
    """Link or copy the products and star files of a run into a delivery.

    Parameters
    ----------
    out : pathlib.Path
        Output folder of a run.
    delivery : pathlib.Path
        Folder to make.
    sector : int
        Sector of the delivery.
    orbit : str
        ``"o1"`` to ``"o4"``, or a half such as ``"o1a"``; frames whose headers name another one
        are left out.
    version : str
        ``"v01"`` and so on.
    copy : bool
        Copy files instead of linking.
    overwrite : bool
        Replace existing files with other content.

    Yields
    ------
    product : pathlib.Path
        A file of the run.
    target : pathlib.Path or None
        Its place in the delivery.
    why : str
        Why it is not there: an error, or another sector or orbit (``other: ...``).
    """
    todo = [*products_of(out), *sorted((out / STARS_FOLDER).glob("*.h5"))]
    if not todo:
        raise FrameError(f"{out}: no products of a run to stage")
    for path in todo:
        try:
            if path.suffix == ".h5":
                facts = facts_of_stars(path) or {}
                if not facts:
                    raise FrameError(f"{path}: the name does not give camera and CCD")
                name = star_name(sector, facts["camera"], facts["ccd"], version)
                target = delivery / STARS_FOLDER / name
            else:
                found = _target(path, delivery, sector, orbit, version)
                if isinstance(found, str):
                    yield path, None, f"other: {found}"
                    continue
                target = found
            _place(path, target, copy=copy, overwrite=overwrite)
            yield path, target, ""
        except Exception as error:  # Any library error is this file's fault only.
            said = describe(of_the_package(path, error))
            yield path, None, said if str(path) in said else f"{path}: {said}"


def _target(path: Path, delivery: Path, sector: int, orbit: str, version: str) -> Path | str:
    """Place of a frame in the delivery, or why it does not belong there."""
    headers = first_headers(path)
    header = headers[0]
    if path.name.endswith(".fz") or header.get("NAXIS") != 2:
        raise FrameError(
            f"{path}: a delivery needs frames of one CCD in TICA's layout, plain or gzipped"
        )
    if "WCSGDF" not in header:
        raise FrameError(f"{path}: has no solution; fit it first")
    check_solution(path, header)
    own = header.get("SECTOR")
    if isinstance(own, int) and own != sector:
        return f"{path}: of sector {own}"
    segment = _segment(header, sector)
    if segment and not (segment.startswith(orbit) or orbit.startswith(segment)):
        return f"{path}: of orbit {segment}"
    cadence = header.get("FFIINDEX", header.get("CADENCE"))
    if not isinstance(cadence, int):
        raise FrameError(f"{path}: the header has no cadence number (FFIINDEX or CADENCE)")
    name = FrameName(sector, orbit, cadence, header["CAMNUM"], header["CCDNUM"], version)
    return delivery / ccd_folder(name.camera, name.ccd) / str(name)


def _segment(header: Any, sector: int) -> str:
    said = str(header.get("ORB_SEG", "")).strip()
    if said:
        return said
    orbits = orbits_of_sector(sector)
    number = header.get("ORBIT_ID")
    return f"o{orbits.index(number) + 1}" if number in orbits else ""


def _place(path: Path, target: Path, *, copy: bool, overwrite: bool) -> None:
    """Link or copy a file, decompressed; an equal file stays."""
    packed = path.suffix == ".gz"
    if target.exists():
        if target.samefile(path) and not copy:
            return
        if bytes(content(target)) == bytes(content(path)):
            return
        if not overwrite:
            raise FrameError(
                f"{target}: is there already with other content; --overwrite replaces it"
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    if not packed and not copy:
        aside = target.with_name(f".{target.name}.part")
        try:
            aside.unlink(missing_ok=True)
            os.link(path, aside)
            aside.replace(target)
            return
        except OSError as error:
            aside.unlink(missing_ok=True)
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
    write_whole(target, [content(path)], verify=True)
