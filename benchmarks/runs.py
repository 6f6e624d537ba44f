"""Figures for ``tica-fn run --dry-run``, and for plans on paper: seconds and bytes a frame.

    python -m benchmarks.runs RAW_FOLDER CALDIR

does a run of the raw files with one job, once for each way of packing, in a folder that is removed
again, and prints what its record says.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tica_fn.run.record import open_record

PACKINGS = ("none", "gzip", "rice", "gzip2")


def main(raw: str, caldir: str) -> None:
    """Print the figures."""
    for packing in PACKINGS:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            words = ["run", raw, "--caldir", caldir, "--outdir", str(out), "--jobs", "1"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "tica_fn", *words, "--compress", packing, "--no-report"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            record = open_record(out)
            frames, calibrate, fit, size = record.query(
                "SELECT count(*), avg(seconds), avg(wcs_seconds), avg(size) FROM frames"
            )[0]
            stars = record.query("SELECT avg(seconds) FROM stars")[0][0] or 0.0
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            said = (
                f"calibrate {calibrate:.3f} s",
                f"fit {fit or 0.0:.3f} s",
                f"stars {stars:.1f} s a CCD",
                f"{size / 1e6:.2f} MB",
                f"processor {cpu / frames:.3f} s a frame, start-up included",
            )
            print(f"{packing:6s} {frames} frames: {', '.join(said)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
