"""Measure everything, print it, and write the table that the documentation includes."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

from benchmarks import commands, compiling, kernels, products, simulate, stages, wcs

TABLE = Path(__file__).parents[1] / "docs" / "tables" / "performance.md"


def main() -> None:
    """Run the benchmarks."""
    rows = []
    for part in (kernels, simulate, commands, products, wcs, compiling):
        for what, value in part.measure():
            print(f"{what:70s} {value}", flush=True)
            rows.append(f"| {what} | {value} |")
    head = f"Measured {datetime.date.today()} on {commands.machine()}; Python "
    head += f"{platform.python_version()}. Medians; ratios are medians of pairs run in turn."
    TABLE.write_text("\n".join([head, "", "| what | figure |", "| --- | --- |", *rows, ""]))
    stages.main()


main()
