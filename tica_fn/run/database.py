"""The database that holds the record of a run: where it is, how it is opened, what is refused."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from tica_fn.errors import BadFileError
from tica_fn.run.schema import VERSION

__all__ = ["DAMAGE", "NAME", "check_version", "connect", "damaged", "record_path"]

NAME = "run.sqlite"
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises at a damaged file; of names in it that are no text it can't even say that."""


def record_path(folder: str | os.PathLike[str]) -> Path:
    """Where the record of a run is."""
    return Path(folder) / NAME


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database, to read it or to write it."""
    place = path.resolve().as_uri()
    modes = ("rwc",) if write else ("ro", "ro&immutable=1")
    for mode in modes:
        connection = sqlite3.connect(f"{place}?mode={mode}", uri=True, timeout=30.0)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return connection
        except sqlite3.OperationalError as error:
            # A reader without write permission can't open a WAL as it is.
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
            f"`tica-fn status {path.parent} --rebuild` makes it anew"
        )


def damaged(path: Path, error: Exception) -> BadFileError:
    """What is raised where a record can't be read."""
    return BadFileError(
        f"{path}: the record of the run can't be read ({error}); "
        f"`tica-fn status {path.parent} --rebuild` makes it anew from the products"
    )
