"""The record of a run made anew from its products, which alone are the truth."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from tica_fn.errors import BadFileError, describe
from tica_fn.run.facts import facts_of_file
from tica_fn.run.outputs import CCD_FOLDER, STARS_FOLDER, products_of
from tica_fn.run.record import RecordWriter, record_path
from tica_fn.run.star_facts import facts_of_stars, shift_of_file
from tica_fn.run.summary import flag_all, put_models

__all__ = ["open_writer", "rebuild_record"]


def rebuild_record(
    folder: Path, tell: Callable[[str], None] = print
) -> tuple[int, list[tuple[Path, str]]]:
    """Read every product of a run and make its record of them.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of a run.
    tell : callable
        Takes a line for each product that can't be read, and about an old record.

    Returns
    -------
    count : int
        Products in the record.
    failed : list of tuple
        Products that are not whole, and why.

    Raises
    ------
    BadFileError
        If there are no products.
    """
    products = list(products_of(folder))
    if not products:
        raise BadFileError(f"{folder}: no products in {CCD_FOLDER.pattern} to make a record of")
    if moved := put_aside(folder):
        tell(f"the old record is now {moved}")
    failed: list[tuple[Path, str]] = []
    with RecordWriter(folder) as record:
        stars = dict(_stars(folder, record))
        for product in products:
            try:
                facts = facts_of_file(product)
                if facts.get("wcs") == "done" and (facts["camera"], facts["ccd"]) in stars:
                    facts |= shift_of_file(product, stars[facts["camera"], facts["ccd"]])
            except (OSError, ValueError) as error:
                failed.append((product, describe(error)))
                tell(f"not whole: {describe(error)}")
                continue
            record.put("frames", product=str(product.relative_to(folder)), **facts)
            put_models(record, product, facts)
        flag_all(record)
    return len(products) - len(failed), failed


def _stars(folder: Path, record: RecordWriter) -> Iterator[tuple[tuple[int, int], Path]]:
    for path in sorted((folder / STARS_FOLDER).glob("*.h5")):
        facts = facts_of_stars(path)
        if facts is not None:
            record.put("stars", path=str(path.relative_to(folder)), **facts)
            yield (facts["camera"], facts["ccd"]), path


def put_aside(folder: Path) -> Path | None:
    """Rename a record that is there, with what belongs to it; it may hold what products do not."""
    path = record_path(folder)
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.{secrets.token_hex(3)}.old")
    for ending in ("-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + ending))
    path.replace(aside)
    return aside


def open_writer(folder: Path, tell: Callable[[str], None] = print) -> RecordWriter:
    """Open a run's record for writing; one that is damaged is made anew from the products."""
    try:
        return RecordWriter(folder)
    except BadFileError as error:
        tell(f"{describe(error)}; it is made anew")
    if any(True for _ in products_of(folder)):
        rebuild_record(folder, tell)
    else:
        put_aside(folder)
    return RecordWriter(folder)
