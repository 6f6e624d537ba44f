"""Processor time of each stage of ``tica-fn calibrate`` for one frame."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tica_fn.products.raw_files as files
from benchmarks.commands import inputs
from tica_fn.fits import stream
from tica_fn.fits.batch import ModelShelf
from tica_fn.products import image_plans
from tica_fn.products.job import Job

STAGES = (
    ("read the file", files, "content"),
    ("split it into headers and data", files, "read_blocks"),
    ("CRC of the input", files, "crc32"),
    ("facts about the frame, and names of products", files, "plans_of"),
    ("pedestals and smear (small frame)", image_plans, "readout_of"),
    ("the sweep: swap, sum, six steps, swap, sum", stream, "fill_words"),
    ("cards of the product", stream, "tica_header"),
    ("checksums of its headers", stream, "finished_header"),
    ("check that they can be read again", stream, "check_readable"),
    ("write to the disk", stream, "write_whole"),
)
TABLE = Path(__file__).parents[1] / "docs" / "tables" / "stages.md"


def measure(frames: int = 30) -> dict[str, float]:
    """Median processor time of each stage in ms, and of all."""
    taken: dict[str, list[float]] = {}
    spent: dict[str, float] = {}  # By the frame at hand.

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*words: Any, **named: Any) -> Any:
            start = time.thread_time()
            result = function(*words, **named)
            spent[name] = spent.get(name, 0.0) + time.thread_time() - start
            return result

        return run

    kept = [(owner, attribute, getattr(owner, attribute)) for _, owner, attribute in STAGES]
    try:
        for name, owner, attribute in STAGES:
            setattr(owner, attribute, timed(name, getattr(owner, attribute)))
        with tempfile.TemporaryDirectory() as place:
            caldir, raw = inputs(Path(place), frames + 1)
            outdir = Path(place) / "out"
            outdir.mkdir()
            job = Job(models=ModelShelf(caldir), outdir=outdir, overwrite=True)
            whole = timed("all", files.calibrate_file)
            for source in sorted(raw.iterdir()):
                source.read_bytes()  # From the page cache, as in a warm run.
                spent.clear()
                whole(source, job)
                for name, seconds in spent.items():
                    taken.setdefault(name, []).append(seconds)
    finally:
        for owner, attribute, function in kept:
            setattr(owner, attribute, function)
    return {name: 1e3 * float(np.median(times[1:])) for name, times in taken.items()}


def main() -> None:
    """Print the stages and write the table that the documentation includes."""
    stages = measure()
    rows = ["| stage | processor time [ms] |", "| --- | --- |"]
    rows += [f"| {name} | {stages[name]:.1f} |" for name, _, _ in STAGES]
    rest = stages["all"] - sum(stages[name] for name, _, _ in STAGES)
    rows += [f"| everything else | {rest:.1f} |", f"| one frame | {stages['all']:.1f} |", ""]
    TABLE.write_text("\n".join(rows))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
