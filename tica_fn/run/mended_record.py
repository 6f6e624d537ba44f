"""The record of a run opened for writing, and made anew where it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tica_fn.errors import BadFileError, describe
from tica_fn.run.outputs import products_of
from tica_fn.run.record_writer import RecordWriter

__all__ = ["open_writer"]


def open_writer(folder: Path, tell: Callable[[str], None] = print) -> RecordWriter:
    """Open a run's record for writing; one that is damaged is made anew from the products."""
    try:
        return RecordWriter(folder)
    except BadFileError as error:
        tell(f"{describe(error)}; it is made anew")
    # What works at files is loaded only where it must.
    from tica_fn.run.rebuild import put_aside, rebuild_record

    if any(True for _ in products_of(folder)):
        rebuild_record(folder, tell)
    else:
        put_aside(folder)
    return RecordWriter(folder)
