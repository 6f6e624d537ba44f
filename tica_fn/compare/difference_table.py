"""Differences as a table, for reading in a terminal or by programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tica_fn.compare.findings import Comparison, Level
from tica_fn.errors import one_line
from tica_fn.fits.whole_files import save_table

__all__ = ["as_rows", "print_table", "write_table"]

COLUMNS = ("file", "level", "where", "what", "count", "largest", "text")


def as_rows(comparisons: Iterable[Comparison]) -> list[tuple[Any, ...]]:
    """List all differences.

    Parameters
    ----------
    comparisons : iterable of Comparison
        Results of the comparisons.

    Returns
    -------
    list of tuple
        File, level, HDU, item, number of values, largest difference, text.
    """
    return [
        (
            comparison.test.name,
            difference.level.value,
            difference.where,
            difference.what,
            difference.count,
            difference.largest,
            difference.text,
        )
        for comparison in comparisons
        for difference in comparison.differences
    ]


def write_table(comparisons: Sequence[Comparison], path: str | Path) -> None:
    """Write all differences as a table that astropy and spreadsheets read.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Results of the comparisons.
    path : path
        ``.ecsv`` or ``.csv``.

    Raises
    ------
    ValueError
        If the file name has another ending.
    """
    from astropy.table import Table

    path = Path(path)
    formats = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}
    if path.suffix not in formats:
        raise ValueError(f"{path}: the name of a table must end in .ecsv or .csv")
    rows = as_rows(comparisons)
    types = ["U256", "U8", "U80", "U80", "i8", "f8", "U512"]
    table = Table(rows=rows or None, names=COLUMNS, dtype=types)
    save_table(table, path, formats[path.suffix])


def print_table(comparisons: Sequence[Comparison], console: Any, most: int | None = None) -> None:
    """Print the differences and how many files are the same.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Results of the comparisons.
    console : rich.console.Console
        Where to print.
    most : int, optional
        Largest number of differences to print, failures first; by default all.
    """
    from rich.table import Table
    from rich.text import Text

    rows = as_rows(comparisons)
    left = 0
    if most is not None and len(rows) > most:
        left = len(rows) - most
        rows = sorted(rows, key=lambda row: row[1] != Level.FAILURE.value)[:most]
    if rows:
        table = Table(box=None, pad_edge=False)
        for name in ("file", "level", "where", "what", "text"):
            table.add_column(name, overflow="fold")
        for file, level, where, what, _, _, text in rows:
            table.add_row(*(Text(one_line(cell)) for cell in (file, level, where, what, text)))
        console.print(table)
    if left:
        console.print(f"... and {left} more: --all prints them, --table writes them")
    failed = sum(comparison.failed for comparison in comparisons)
    warned = sum(comparison.level is Level.WARNING for comparison in comparisons)
    same = len(comparisons) - failed - warned
    console.print(
        f"{len(comparisons)} compared: {same} same, {warned} with warnings, {failed} failed"
    )
