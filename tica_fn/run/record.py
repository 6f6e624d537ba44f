"""The record of a run: an SQLite database, ``OUT/run.sqlite``.

One process writes it (a lock beside it keeps others away), any number may read.  The products are
the truth: lost or damaged, the record is made again from them (`tica_fn.run.rebuild`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tica_fn.errors import BadFileError, FrameError
from tica_fn.run.schema import KEYS, TABLES, VERSION, statements

__all__ = ["NAME", "RecordWriter", "RunRecord", "open_record", "record_path"]

NAME = "run.sqlite"
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse",
    "9p",
    "afs",
    "gluster",
)
_BAD = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises at a damaged file; of names in it that are no text it can't even say that."""
_COMMIT_S = 1.0
"""How long outcomes may wait to be durable; products of a killed process are found anyway."""


def record_path(folder: str | os.PathLike[str]) -> Path:
    """Where the record of a run is."""
    return Path(folder) / NAME


class RunRecord(Mapping[str, Any]):
    """The record of a run, as astropy Tables by name.

    Parameters
    ----------
    path : path-like
        The database.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __getitem__(self, name: str) -> Any:
        """Read one table, with units."""
        from astropy.table import MaskedColumn, Table

        if name not in TABLES:
            raise KeyError(name)
        rows = self.rows(name)
        table = Table(meta={"record": str(self.path)})
        for column, (kind, unit) in TABLES[name].items():
            try:
                values = [row[column] for row in rows]
            except IndexError as error:
                raise _damaged(self.path, Exception(f"{name} has no {column}")) from error
            dtype = {"TEXT": str, "REAL": float}.get(kind.split()[0], int)
            mask = [value is None for value in values]
            blank: Any = dtype()
            filled = [blank if value is None else value for value in values]
            if dtype is float:
                filled = [float("nan") if value is None else float(value) for value in values]
                table[column] = MaskedColumn(filled, dtype=float).filled()
            elif any(mask):
                table[column] = MaskedColumn(filled, dtype=dtype, mask=mask)
            else:
                table[column] = MaskedColumn(filled, dtype=dtype).filled()
            if unit:
                table[column].unit = unit
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def __getattr__(self, name: str) -> Any:
        if name in TABLES:
            return self[name]
        raise AttributeError(name)

    def __repr__(self) -> str:
        return f"RunRecord({str(self.path)!r}: {', '.join(TABLES)})"

    def rows(self, name: str, where: str = "", values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Read rows of a table as they are in the database.

        Parameters
        ----------
        name : str
            Table.
        where : str
            What follows ``SELECT * FROM table``.
        values : sequence
            Values of the question marks in it.

        Returns
        -------
        list of sqlite3.Row
            The rows.
        """
        found: list[sqlite3.Row] = self.query(f"SELECT * FROM {name} {where}", values)
        return found

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Ask the database.

        Parameters
        ----------
        sql : str
            A question.
        values : sequence
            Values of the question marks in it.

        Returns
        -------
        list of sqlite3.Row
            The answer.

        Raises
        ------
        BadFileError
            If the record is damaged.
        """
        connection = _connect(self.path, write=False)
        try:
            return connection.execute(sql, values).fetchall()
        except _BAD as error:
            raise _damaged(self.path, error) from error
        finally:
            connection.close()


def open_record(folder: str | os.PathLike[str]) -> RunRecord:
    """Open the record of a run for reading.

    Parameters
    ----------
    folder : path-like
        Output folder of ``tica-fn run``, or its ``run.sqlite``.

    Returns
    -------
    RunRecord
        A mapping of astropy Tables: ``frames`` (a row a product), ``inputs``, ``models``,
        ``stars`` (reference stars, a row a CCD), ``runs``, ``stages``; each an attribute, too.

    Raises
    ------
    FileNotFoundError
        If there is none.
    BadFileError
        If it is damaged or no record.
    """
    path = Path(folder)
    path = path if path.is_file() else record_path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no record of a run; where products are, `tica-fn status {path.parent} "
            "--rebuild` makes it anew"
        )
    record = RunRecord(path)
    _check_version(path, record.query("PRAGMA user_version")[0][0])
    return record


def _check_version(path: Path, found: int) -> None:
    if found != VERSION:
        raise BadFileError(
            f"{path}: a record of version {found}, not {VERSION}, or none at all; "
            f"`tica-fn status {path.parent} --rebuild` makes it anew"
        )


def _damaged(path: Path, error: Exception) -> BadFileError:
    return BadFileError(
        f"{path}: the record of the run can't be read ({error}); "
        f"`tica-fn status {path.parent} --rebuild` makes it anew from the products"
    )


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
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
                raise _damaged(path, error) from error
        except _BAD as error:
            connection.close()
            raise _damaged(path, error) from error
    raise AssertionError


class RecordWriter:
    """The one writer of a run's record.

    What is put goes to the disk within a second, and when the writer is closed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = record_path(folder)
        self._lock = _lock(folder)
        try:
            self._base = self._opened()
        except BaseException:
            self._lock.close()
            raise
        self._last = time.monotonic()

    def _opened(self) -> sqlite3.Connection:
        new = not self.path.exists() or not self.path.stat().st_size
        base = _connect(self.path, write=True)
        try:
            if not new:
                _check_version(self.path, base.execute("PRAGMA user_version").fetchone()[0])
                said = base.execute("PRAGMA quick_check").fetchone()[0]
                if said != "ok":
                    raise _damaged(self.path, Exception(said))
            base.execute(f"PRAGMA journal_mode={'DELETE' if on_network(self.folder) else 'WAL'}")
            base.execute("PRAGMA synchronous=NORMAL")
            with base:
                for statement in statements():
                    base.execute(statement)
                base.execute(f"PRAGMA user_version={VERSION}")
        except _BAD as error:
            base.close()
            if "full" in str(error):
                raise _full(self.path) from error
            raise _damaged(self.path, error) from error
        except BaseException:
            base.close()
            raise
        return base

    def put(self, table: str, **values: Any) -> None:
        """Add a row, or change the values that are given of the row with the same key."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        keys = KEYS[table]
        changes = ", ".join(f'"{name}"=excluded."{name}"' for name in values if name not in keys)
        action = f"UPDATE SET {changes}" if changes else "NOTHING"
        self.change(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) "
            f"ON CONFLICT ({', '.join(keys)}) DO {action}",
            list(values.values()),
        )

    def change(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Change the database."""
        try:
            self._base.execute(sql, values)
            if time.monotonic() - self._last > _COMMIT_S:
                self.commit()
        except _BAD as error:
            raise self._in_words(error) from error

    def rows(self, table: str, where: str = "", values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows of a table, those that are not yet on the disk among them."""
        try:
            return self._base.execute(f"SELECT * FROM {table} {where}", values).fetchall()
        except _BAD as error:
            raise self._in_words(error) from error

    def commit(self) -> None:
        """Make durable what was put."""
        try:
            self._base.commit()
        except _BAD as error:
            raise self._in_words(error) from error
        self._last = time.monotonic()

    def _in_words(self, error: Exception) -> Exception:
        """What went wrong with the database; a fault of ours stays what it is."""
        if isinstance(error, sqlite3.OperationalError):
            return _full(self.path) if "full" in str(error) else OSError(f"{self.path}: {error}")
        return _damaged(self.path, error) if type(error) in _BAD else error

    def close(self) -> None:
        """Make durable and let go."""
        try:
            self.commit()
        finally:
            self._base.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _full(path: Path) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _lock(folder: Path) -> Any:
    """Keep other writers away until the file is closed, or this process ends."""
    path = folder / ".run.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise FrameError(
            f"{folder}: another tica-fn is at work on this run; wait for it, or end it"
        ) from error
    except OSError:  # A file system without locks: the database's own must do.
        pass
    return file


def on_network(folder: Path, mounts: str | None = None) -> bool:
    """Tell whether a folder is on a network file system, where SQLite can't share memory."""
    try:
        lines = (mounts or Path("/proc/self/mounts").read_text()).splitlines()
    except OSError:
        return True  # Not known: the journal that works everywhere.
    place = str(folder.resolve()) + "/"
    best, kind = "", ""
    for line in lines:
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].replace("\\040", " ").rstrip("/") + "/"
        if place.startswith(point) and len(point) >= len(best):
            best, kind = point, words[2]
    return kind.startswith(_NETWORK)
