"""Figures for planning runs: seconds and bytes per frame.

    python -m benchmarks.runs RAW_FOLDER CALDIR

runs the raw files with one job for each kind of compression, in a temporary folder.  It prints
processor seconds (which do not depend on other load) without start-up, bytes, and the memory of the
process with one and with two jobs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tica_fn.run.record import open_record

PACKINGS = ("none", "gzip", "rice", "gzip2")


def run(files: Sequence[Path], caldir: str, out: Path, *options: str) -> tuple[float, float]:
    """Do a run; return processor seconds and peak memory in gigabytes."""
    words = ["run", *map(str, files), "--caldir", caldir, "--outdir", str(out), "--no-report"]
    words += options if "--jobs" in options else ["--jobs", "1", *options]
    process = subprocess.Popen([sys.executable, "-m", "tica_fn", *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(
            f"tica-fn {' '.join(words)}: exit code {os.waitstatus_to_exitcode(status)}"
        )
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6


def main(raw: str, caldir: str) -> None:
    """Print the figures."""
    files = sorted(Path(raw).glob("*.fits*"))
    more = len(files) - 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calibrated = 0.0
        run(files, caldir, folder / "warm")  # Kernels are compiled.
        for packing in PACKINGS:
            out = folder / packing
            run(files[:1], caldir, folder / f"{packing}-warm", "--no-wcs", "--compress", packing)
            one = folder / f"{packing}-one"
            start, _ = run(files[:1], caldir, one, "--no-wcs", "--compress", packing)
            seconds, memory = run(files, caldir, out, "--no-wcs", "--compress", packing)
            (size,) = open_record(out).query("SELECT avg(size) FROM frames")[0]
            print(
                f"{packing:6s} calibrate {(seconds - start) / more:.3f} s, {size / 1e6:.2f} MB a "
                f"frame, {memory:.2f} GB",
                flush=True,
            )
            calibrated = seconds if packing == PACKINGS[0] else calibrated
        whole, memory = run(files, caldir, folder / "wcs")
        ccds = open_record(folder / "wcs").query("SELECT count(*) FROM stars")[0][0]
        stars = str(folder / "wcs" / "ref-stars")
        given, _ = run(files, caldir, folder / "given", "--refstars", stars)
        print(f"fit {(given - calibrated) / len(files):.3f} s a frame, {memory:.2f} GB")
        print(f"reference stars {(whole - given) / ccds:.2f} s a CCD")
        for jobs in ("2", "4"):
            _, memory = run(files, caldir, folder / f"jobs{jobs}", "--jobs", jobs)
            print(f"{jobs} jobs: {memory:.2f} GB")


if __name__ == "__main__":
    main(*sys.argv[1:])
