"""Calibrate raw files again for a comparison, and check that wrong models are refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tica_fn.compare.findings import Comparison, Difference, Level
from tica_fn.errors import one_line
from tica_fn.fits.files import read

__all__ = ["calibrate_anew", "expect_refusal", "fit_anew", "stars_of"]


def _run(*words: object, files: Iterable[Path]) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would; its files are listed in a file, as they may be many."""
    return subprocess.run(
        [sys.executable, "-m", "tica_fn", *map(str, words), "--list", "-"],
        input="".join(f"{path}\0" for path in files),
        errors="surrogateescape",
        capture_output=True,
        text=True,
        check=False,
    )


def _calibrate(
    raw: Sequence[Path], caldir: Path, outdir: Path, jobs: int
) -> subprocess.CompletedProcess[str]:
    words = ("--caldir", caldir, "--outdir", outdir, "--jobs", jobs)
    return _run("calibrate", *words, files=raw)


def _failures(
    what: str, paths: Sequence[Path], done: subprocess.CompletedProcess[str]
) -> list[Comparison]:
    """Failures of a command that continues with other files, one per line of its output."""
    if not done.returncode:
        return []
    said = [line for line in done.stderr.splitlines() if line.startswith("tica-fn: ")]
    found = []
    for line in said or [f"tica-fn: exit code {done.returncode}"]:
        text = f"{what} failed: {line.removeprefix('tica-fn: ')}"
        path = next((path for path in paths if one_line(str(path)) in line), Path(what))
        failed = Difference(level=Level.FAILURE, where="file", what=what, text=text)
        error = ValueError(text)
        found.append(Comparison(gold=path, test=path, differences=(failed,), error=error))
    return found


def calibrate_anew(
    raw: Sequence[Path], caldir: Path, outdir: Path, jobs: int | None = None
) -> list[Comparison]:
    """Run ``tica-fn calibrate`` on raw files; return failures if other files succeeded."""
    failed = _failures(
        "calibration", raw, _calibrate(raw, caldir, outdir, jobs or os.cpu_count() or 1)
    )
    if failed and not (outdir.is_dir() and any(outdir.iterdir())):
        raise ValueError(str(failed[-1].error))
    return failed


def fit_anew(
    folder: Path, refstars: Path, degree: int, jobs: int | None = None
) -> list[Comparison]:
    """Run ``tica-fn wcs fit`` on products, each with the stars of its CCD; return failures."""
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        frame = read(path)
        groups[stars_of(refstars, frame.camera, frame.ccd)].append(path)
    failed = []
    for stars, paths in groups.items():
        words = ("--refstars", stars, "--degree", degree, "--jobs", jobs or os.cpu_count() or 1)
        failed += _failures("WCS fit", paths, _run("wcs", "fit", *words, files=paths))
    return failed


def stars_of(refstars: Path, camera: int, ccd: int) -> Path:
    """Find the file of a CCD's reference stars, by its name, or as the only one."""
    if refstars.is_file():
        return refstars
    found = sorted(
        path
        for path in refstars.glob("*.h5")
        if re.search(rf"cam{camera}[-_]?ccd{ccd}\D|_{camera}-{ccd}\.h5$", path.name)
    )
    if len(found) != 1:
        which = ", ".join(path.name for path in found) or "none"
        raise ValueError(
            f"{refstars}: needs one file of reference stars of camera {camera} CCD {ccd} "
            f"(*cam{camera}-ccd{ccd}*.h5), found {which}"
        )
    return found[0]


def expect_refusal(raw: Sequence[Path], wrong: Path) -> list[Comparison]:
    """Check that raw files are refused with models of another exposure time."""
    found = []
    for path in raw:
        with tempfile.TemporaryDirectory() as folder:
            done = _calibrate([path], wrong, Path(folder), 1)
            written = sorted(p.name for p in Path(folder).iterdir())
        reason = ""
        if done.returncode == 0:
            reason = f"was calibrated with the models of {wrong.name}"
        elif written:
            reason = f"was refused, but {written[0]} was written"
        elif "exposure time" not in done.stderr:
            last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            reason = f"failed, but not because of its exposure time: {last}"
        differences: tuple[Difference, ...] = ()
        if reason:
            wrongly = Difference(
                level=Level.FAILURE, where="calibrate", what="exposure time", text=reason
            )
            differences = (wrongly,)
        found.append(Comparison(gold=path, test=path, differences=differences))
    return found
