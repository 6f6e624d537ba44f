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
    """Open the database for reading or writing.

    A reader may write too, but only so that the last one to close removes the files of the
    write-ahead log; one without permission to write opens the database as it is.
    """
    place = path.resolve().as_uri()
    modes = ("rwc",) if write else ("rw", "ro", "ro&immutable=1")
    log = path.resolve().with_name(f"{path.resolve().name}-wal")
    for mode in modes:
        if "immutable" in mode and log.exists() and log.stat().st_size:
            raise PermissionError(
                f"{path}: the latest changes are in {log.name}, which can't be read without "
                "permission to write in its folder: copy the folder and read the copy"
            )
        try:
            return _opened(f"{place}?mode={mode}", write)
        except DAMAGE as error:
            # A reader without write permission can't open a database in WAL mode normally.
            if mode == modes[-1] or not isinstance(error, sqlite3.OperationalError):
                raise damaged(path, error) from error
    raise AssertionError


def _opened(place: str, write: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(place, uri=True, timeout=30.0)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not write:
            connection.execute("PRAGMA query_only=ON")
    except BaseException:
        connection.close()
        raise
    return connection


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
