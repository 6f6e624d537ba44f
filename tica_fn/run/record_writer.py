"""The only writer of a run's record; a lock file keeps others away."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tica_fn.errors import FrameError
from tica_fn.run.database import DAMAGE, check_version, connect, damaged, record_path
from tica_fn.run.schema import PRIMARY_KEYS, VERSION, statements

__all__ = ["RecordWriter", "on_network"]

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
_COMMIT_S = 1.0
"""Seconds between commits; if the process is killed, its products are found anyway."""


class RecordWriter:
    """The only writer of a run's record.

    Changes reach the disk within a second, and when the writer is closed.
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
        base = connect(self.path, write=True)
        try:
            if not new:
                check_version(self.path, base.execute("PRAGMA user_version").fetchone()[0])
                said = base.execute("PRAGMA quick_check").fetchone()[0]
                if said != "ok":
                    raise damaged(self.path, Exception(said))
            base.execute(f"PRAGMA journal_mode={'DELETE' if on_network(self.folder) else 'WAL'}")
            base.execute("PRAGMA synchronous=NORMAL")
            with base:
                for statement in statements():
                    base.execute(statement)
                base.execute(f"PRAGMA user_version={VERSION}")
        except DAMAGE as error:
            base.close()
            if "full" in str(error):
                raise _full(self.path) from error
            raise damaged(self.path, error) from error
        except BaseException:
            base.close()
            raise
        return base

    def put(self, table: str, **values: Any) -> None:
        """Add a row, or change the given values of the row with the same key."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        keys = PRIMARY_KEYS[table]
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
        except DAMAGE as error:
            raise self._in_words(error) from error

    def rows(self, table: str, where: str = "", values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Rows of a table, including uncommitted ones."""
        try:
            return self._base.execute(f"SELECT * FROM {table} {where}", values).fetchall()
        except DAMAGE as error:
            raise self._in_words(error) from error

    def commit(self) -> None:
        """Commit the changes."""
        try:
            self._base.commit()
        except DAMAGE as error:
            raise self._in_words(error) from error
        self._last = time.monotonic()

    def _in_words(self, error: Exception) -> Exception:
        """Translate an error of the database; programming errors stay unchanged."""
        if isinstance(error, sqlite3.OperationalError):
            return _full(self.path) if "full" in str(error) else OSError(f"{self.path}: {error}")
        return damaged(self.path, error) if type(error) in DAMAGE else error

    def close(self) -> None:
        """Commit and release the lock."""
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
    """Lock out other writers until the file is closed or this process ends."""
    path = folder / ".run.lock"
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise FrameError(
            f"{folder}: another tica-fn is at work on this run; wait for it, or stop it"
        ) from error
    except OSError:  # A file system without locks; the database's own locks must do.
        pass
    return file


def on_network(folder: Path, mounts: str | None = None) -> bool:
    """Tell whether a folder is on a network file system, where SQLite can't share memory."""
    try:
        lines = (mounts or Path("/proc/self/mounts").read_text()).splitlines()
    except OSError:
        return True  # Unknown: use the journal that works everywhere.
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
