"""What ``tica-fn run`` costs beside ``calibrate``, ``wcs refstars`` and ``wcs fit`` of its files.

    python -m benchmarks.costs RAW_FOLDER CALDIR SECTOR [ROUNDS]

does all of it in a folder that is removed again, with two jobs, and prints the medians of the
seconds of a processor (user and system) and of the clock, and their ratios.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tica_fn.run.record import open_record


def timed(*words: object) -> tuple[float, float, float]:
    """Do ``tica-fn``: user, system and clock seconds."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tica_fn", *map(str, words)], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"tica-fn {words[0]}: exit code {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime, used.ru_stime, time.perf_counter() - begun


def once(files: list[Path], caldir: str, sector: str, folder: Path) -> dict[str, tuple[float, ...]]:
    """Do each command once."""
    apart, whole, given = folder / "apart", folder / "whole", folder / "given"
    run = ["run", *files, "--caldir", caldir, "--jobs", 2, "--outdir"]
    found = {
        "calibrate": timed("calibrate", *files, "--caldir", caldir, "--jobs", 2, "--outdir", apart),
        "run": timed(*run, whole),
        "run again": timed(*run, whole),
    }
    stars = whole / "ref-stars"
    references = [apart / row["reference"] for row in open_record(whole).rows("stars")]
    found["wcs refstars"] = timed(
        "wcs", "refstars", *references, "--sector", sector, "--output", folder / "stars"
    )
    products = sorted(apart.glob("*.fits"))
    found["wcs fit"] = timed("wcs", "fit", *products, "--refstars", stars, "--jobs", 2)
    found["run, stars given, no page"] = timed(*run, given, "--refstars", stars, "--no-report")
    return found


def main(raw: str, caldir: str, sector: str, rounds: str = "3") -> None:
    """Print the figures."""
    files = sorted(Path(raw).glob("*.fits*"))
    rows: dict[str, list[tuple[float, ...]]] = {}
    for number in range(int(rounds) + 1):
        folder = Path(tempfile.mkdtemp(prefix="tica-fn-costs-"))
        try:
            found = once(files, caldir, sector, folder)
        finally:
            shutil.rmtree(folder)
        if number:  # In the first round kernels are compiled.
            for name, figures in found.items():
                rows.setdefault(name, []).append(figures)
    middle = {
        name: [statistics.median(one) for one in zip(*figures, strict=True)]
        for name, figures in rows.items()
    }
    for name, (user, system, clock) in middle.items():
        print(f"{name:26s} user {user:6.2f} system {system:6.2f} clock {clock:6.2f}")
    for k, what in enumerate(("user", "clock")):
        one = {name: figures[2 * k] for name, figures in middle.items()}
        fitted = one["calibrate"] + one["wcs fit"]
        print(
            f"{what}: run {one['run'] / fitted:.2f} of calibrate + fit, "
            f"{one['run'] / (fitted + one['wcs refstars']):.2f} of them with refstars; "
            f"stars given {one['run, stars given, no page'] / fitted:.2f} of calibrate + fit; "
            f"again {one['run again'] / one['run']:.3f} of run"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
