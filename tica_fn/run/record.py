"""The record of a run: an SQLite database, ``OUT/run.sqlite``.

One process writes it (a lock file keeps others away); any number may read.  A lost or damaged
record is rebuilt from the products (`tica_fn.run.rebuild`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tica_fn.run.database import DAMAGE, check_version, connect, damaged, record_path
from tica_fn.run.schema import TABLES

__all__ = ["RunRecord", "open_record"]


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
                raise damaged(self.path, Exception(f"{name} has no {column}")) from error
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
        """Read rows of a table from the database.

        Parameters
        ----------
        name : str
            Table.
        where : str
            SQL after ``SELECT * FROM table``.
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
        """Run a query on the database.

        Parameters
        ----------
        sql : str
            The query.
        values : sequence
            Values of the question marks in it.

        Returns
        -------
        list of sqlite3.Row
            The rows of the result.

        Raises
        ------
        BadFileError
            If the record is damaged.
        """
        connection = connect(self.path, write=False)
        try:
            return connection.execute(sql, values).fetchall()
        except DAMAGE as error:
            raise damaged(self.path, error) from error
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
        A mapping of astropy Tables: ``frames`` (one row per product), ``inputs``, ``models``,
        ``stars`` (reference stars, one row per CCD), ``runs``, ``stages``; also as attributes.

    Raises
    ------
    FileNotFoundError
        If there is none.
    BadFileError
        If it is damaged or not a record.
    """
    path = Path(folder)
    path = path if path.is_file() else record_path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no record of a run; if there are products, `tica-fn status {path.parent} "
            "--rebuild` makes it"
        )
    record = RunRecord(path)
    check_version(path, record.query("PRAGMA user_version")[0][0])
    return record
