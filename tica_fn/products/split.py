"""Camera frames split into CCDs, and CCDs assembled to camera frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tica_fn.detector import CCDS
from tica_fn.errors import FrameError
from tica_fn.fits.files import read, read_camera
from tica_fn.fits.names import product_name
from tica_fn.fits.poc_out import write_camera, write_raw_ccd
from tica_fn.frame import ADU

__all__ = ["assemble_camera", "groups_of_cameras", "split_camera"]

_CCD_NAME = re.compile(r"(?P<stem>.+)_ccd[1-4](?P<rest>(?:\.cal)?\.fits)(?:\.[gf]z)?")


def split_camera(
    path: Path,
    outdir: Path,
    *,
    ccds: tuple[int, ...] = CCDS,
    compress: str = "none",
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write the raw pixels of each CCD of a camera frame.

    Parameters
    ----------
    path : pathlib.Path
        Raw camera frame.
    outdir : pathlib.Path
        Folder of the outputs, ``<stem>_ccd<d>.fits``.
    ccds : tuple of int
        Which CCDs.
    compress : str
        ``"none"`` or ``"gzip"``.
    overwrite : bool
        Whether to replace outputs that are there.

    Returns
    -------
    tuple of pathlib.Path
        The files written.

    Raises
    ------
    FrameError
        If it is a calibrated frame.
    BadFileError
        If the file is damaged or no camera frame.
    OSError
        If a file can't be read or written.
    """
    outputs = []
    for frame in read_camera(path):
        target = outdir / product_name(path, ccd=frame.ccd, layout="raw", compress=compress)
        if frame.unit != ADU:
            raise FrameError(f"{path}: a raw camera frame is wanted, this one is calibrated")
        if frame.ccd in ccds and (overwrite or not target.exists()):
            write_raw_ccd(frame, target)
            outputs.append(target)
    return tuple(outputs)


def groups_of_cameras(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Gather the files of CCDs that belong to one camera frame, by their names.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files ``<stem>_ccd<d>.fits`` or ``<stem>_ccd<d>.cal.fits``, plain or gzipped.

    Returns
    -------
    dict
        Files by the name of the camera frame.

    Raises
    ------
    FrameError
        If a name says no CCD.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tica_fn.products.split import groups_of_cameras
    >>> list(groups_of_cameras([Path("a_ccd1.cal.fits"), Path("a_ccd2.cal.fits.gz")]))
    ['a.cal.fits']
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        match = _CCD_NAME.fullmatch(path.name)
        if match is None:
            raise FrameError(f"{path}: the name does not say the CCD, as <stem>_ccd1.fits does")
        groups.setdefault(match["stem"] + match["rest"], []).append(path)
    return groups


def assemble_camera(
    name: str,
    paths: Sequence[Path],
    outdir: Path,
    *,
    compress: str = "none",
    overwrite: bool = False,
) -> Path:
    """Put four files of CCDs together.

    Parameters
    ----------
    name : str
        Name of the camera frame, without ``.gz``.
    paths : sequence of pathlib.Path
        Files of CCDs 1 to 4.
    outdir : pathlib.Path
        Folder of the output.
    compress : str
        ``"none"`` or ``"gzip"``.
    overwrite : bool
        Whether to replace an output that is there.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    FrameError
        If the files do not belong together, or the output is there already.
    BadFileError
        If a file is damaged.
    OSError
        If a file can't be read or written.
    """
    target = outdir / (name + (".gz" if compress == "gzip" else ""))
    if target.exists() and not overwrite:
        raise FrameError(f"{target}: is there already; --overwrite replaces it")
    write_camera([read(path) for path in paths], target)
    return target
