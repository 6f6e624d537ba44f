"""Calibrate raw files anew, to hold the result to gold products; and see wrong models refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tica_fn.compare.findings import Comparison, Difference, Level

__all__ = ["calibrate_anew", "expect_refusal"]


def _calibrate(
    raw: Sequence[Path], caldir: Path, outdir: Path, jobs: int
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    words = ["calibrate", *map(str, raw), "--caldir", str(caldir), "--outdir", str(outdir)]
    return subprocess.run(
        [sys.executable, "-m", "tica_fn", *words, "--jobs", str(jobs)],
        capture_output=True,
        text=True,
        check=False,
    )


def calibrate_anew(
    raw: Sequence[Path], caldir: Path, outdir: Path, jobs: int | None = None
) -> None:
    """Run ``tica-fn calibrate`` on raw files."""
    done = _calibrate(raw, caldir, outdir, jobs or os.cpu_count() or 1)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ValueError(f"calibration failed: {lines[-1].removeprefix('tica-fn: ')}")


def expect_refusal(raw: Sequence[Path], wrong: Path) -> list[Comparison]:
    """See that raw files are refused with models of another exposure time."""
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
            reason = f"failed, but not for its exposure time: {last}"
        differences: tuple[Difference, ...] = ()
        if reason:
            wrongly = Difference(
                level=Level.FAILURE, where="calibrate", what="exposure time", text=reason
            )
            differences = (wrongly,)
        found.append(Comparison(gold=path, test=path, differences=differences))
    return found
