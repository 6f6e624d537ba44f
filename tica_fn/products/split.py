"""Camera frames split into CCDs, and CCDs assembled to camera frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from tica_fn.detector import CCDS
from tica_fn.errors import FrameError
from tica_fn.fits.batch import DONE, SKIPPED, Outcome
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.files import read, read_camera
from tica_fn.fits.names import product_name
from tica_fn.fits.poc_out import write_camera, write_raw_ccd
from tica_fn.frame import ADU, Frame
from tica_fn.products.job import Claims
from tica_fn.products.kept import kept_of, refuse_loss, told_loss

__all__ = [
    "Assembly",
    "Splitting",
    "assemble_file",
    "groups_of_cameras",
    "sorted_by_camera",
    "split_file",
]

_CCD_NAME = re.compile(r"(?P<stem>.+)_ccd[1-4](?P<rest>(?:\.cal)?\.fits)(?:\.[gf]z)?")


@attrs.frozen(kw_only=True)
class Splitting:
    """Options for splitting every camera frame."""

    outdir: Path
    ccds: tuple[int, ...] = CCDS
    compress: str = "none"
    overwrite: bool = False
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)


def split_file(path: Path, job: Splitting) -> Outcome:
    """Write the raw pixels of each CCD of a camera frame to ``<stem>_ccd<d>.fits``."""
    frames = [frame for frame in read_camera(path) if frame.ccd in job.ccds]
    if any(frame.unit != ADU for frame in frames):
        raise FrameError(f"{path}: give a raw camera frame; this one is calibrated")
    outputs: list[Path] = []
    notes: list[str] = []
    for frame in frames:
        name = product_name(path, ccd=frame.ccd, layout="raw", compress=job.compress)
        target = job.outdir / name
        job.claim(target, path)
        if target.exists() and not job.overwrite:
            why = _why_again(target, frame)
            if why is None:
                continue
            notes.append(f"{name}: made again, because {why}")
        kept = kept_of(target)
        if job.overwrite:
            notes += told_loss(target, kept)
        else:
            refuse_loss(target, kept, f"it is not of {path.name}")
        write_raw_ccd(frame, target)
        outputs.append(target)
    said = ", ".join(output.name for output in outputs) or "there already"
    return Outcome(
        source=path,
        state=DONE if outputs else SKIPPED,
        outputs=tuple(outputs),
        frames=len(outputs),
        notes=tuple(notes),
        lines=(f"{path.name}: {said}",),
    )


def _why_again(target: Path, frame: Frame) -> str | None:
    """Reason to make an existing file of one CCD again, or None."""
    try:
        header = read_blocks(target)[0].header
    except OSError as error:
        return f"it was not complete ({str(error).removeprefix(f'{target}: ')})"
    if "RAWCRC" not in header:
        raise FrameError(f"{target}: is there already and not by tica-fn; --overwrite replaces it")
    made_of = frame.header.get("RAWCRC", frame.source.crc32 if frame.source else None)
    return None if header["RAWCRC"] == made_of else "it was made from another input"


def groups_of_cameras(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Group the files of single CCDs by camera frame, by their names.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        Files ``<stem>_ccd<d>.fits`` or ``<stem>_ccd<d>.cal.fits``, plain or gzipped.

    Returns
    -------
    dict
        Lists of files by the name of the camera frame.

    Raises
    ------
    FrameError
        If a name does not give the CCD.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tica_fn.products.split import groups_of_cameras
    >>> list(groups_of_cameras([Path("a_ccd1.cal.fits"), Path("a_ccd2.cal.fits.gz")]))
    ['a.cal.fits']
    """
    groups, nameless = sorted_by_camera(paths)
    for _, error in nameless:
        raise error
    return groups


def sorted_by_camera(
    paths: Iterable[Path],
) -> tuple[dict[str, list[Path]], list[tuple[Path, Exception]]]:
    """Group files by camera frame; also return those whose names lack the CCD, with the error."""
    groups: dict[str, list[Path]] = {}
    nameless: list[tuple[Path, Exception]] = []
    for path in paths:
        match = _CCD_NAME.fullmatch(path.name)
        if match is None:
            said = f"{path}: the name does not give the CCD, as in <stem>_ccd1.fits"
            nameless.append((path, FrameError(said)))
        else:
            groups.setdefault(match["stem"] + match["rest"], []).append(path)
    return groups, nameless


@attrs.frozen(kw_only=True)
class Assembly:
    """Options of the assembly, and the files of CCDs by the name of their camera frame."""

    outdir: Path
    groups: Mapping[str, list[Path]]
    compress: str = "none"
    overwrite: bool = False


def assemble_file(name: Path, job: Assembly) -> Outcome:
    """Join four files of CCDs to a camera frame."""
    target = job.outdir / (name.name + (".gz" if job.compress == "gzip" else ""))
    if target.exists() and not job.overwrite:
        raise FrameError(f"{target}: is there already; --overwrite replaces it")
    notes = told_loss(target, kept_of(target))
    write_camera([read(path) for path in job.groups[name.name]], target)
    return Outcome(
        source=name, state=DONE, outputs=(target,), frames=4, notes=notes, lines=(str(target),)
    )
