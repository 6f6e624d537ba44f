"""The database with the record of a run: its place, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tica_fn.errors import BadFileError
from tica_fn.run.schema import VERSION

__all__ = ["DAMAGE", "NAME", "check_version", "connect", "damaged", "record_path"]

NAME = "run.sqlite"
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of SQLite for a damaged file; the second if it contains names that are not text."""


def record_path(folder: str | os.PathLike[str]) -> Path:
    """Path of the record of a run."""
    return Path(folder) / NAME


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database for reading or writing."""
    place = path.resolve().as_uri()
    modes = ("rwc",) if write else ("ro", "ro&immutable=1")
    for mode in modes:
        connection = sqlite3.connect(f"{place}?mode={mode}", uri=True, timeout=30.0)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            # A reader without write permission can't open a database in WAL mode normally.
            connection.close()
            if mode == modes[-1]:
                raise damaged(path, error) from error
        except DAMAGE as error:
            connection.close()
            raise damaged(path, error) from error
    raise AssertionError


def check_version(path: Path, found: int) -> None:
    """Refuse a record of another version."""
    if found != VERSION:
        raise BadFileError(
            f"{path}: a record of version {found}, not {VERSION}, or none at all; "
            f"`tica-fn status {path.parent} --rebuild` rebuilds it"
        )


def damaged(path: Path, error: Exception) -> BadFileError:
    """The error for a record that can't be read."""
    return BadFileError(
        f"{path}: the record of the run can't be read ({error}); "
        f"`tica-fn status {path.parent} --rebuild` rebuilds it from the products"
    )
