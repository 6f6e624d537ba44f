"""Open the record of a run for writing, and rebuild it if it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tica_fn.errors import BadFileError, describe
from tica_fn.run.outputs import products_of
from tica_fn.run.record_writer import RecordWriter

__all__ = ["open_writer"]


def open_writer(folder: Path, tell: Callable[[str], None] = print) -> RecordWriter:
    """Open a run's record for writing; a damaged one is rebuilt from the products."""
    try:
        return RecordWriter(folder)
    except BadFileError as error:
        tell(f"{describe(error)}; rebuilding it")
    # Imported only if needed, as it loads the modules that process files.
    from tica_fn.run.rebuild import put_aside, rebuild_record

    if any(True for _ in products_of(folder)):
        rebuild_record(folder, tell)
    else:
        put_aside(folder)
    return RecordWriter(folder)
