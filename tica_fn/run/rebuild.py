"""Rebuilding the record of a run from its products."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tica_fn.errors import BadFileError, describe
from tica_fn.fits.outcome import DONE, FAILED
from tica_fn.run.database import record_path
from tica_fn.run.first_headers import first_headers
from tica_fn.run.outputs import CCD_FOLDER, STARS_FOLDER, products_of
from tica_fn.run.record_writer import RecordWriter
from tica_fn.run.star_facts import facts_of_stars
from tica_fn.run.summary import flag_all, put_models
from tica_fn.run.work import facts_of_product

__all__ = ["put_aside", "rebuild_record"]

NOT_KNOWN = (
    "lost with the old record: folders of the inputs, files that failed and made no product, the "
    "catalogue of the reference stars, files of positions of the spacecraft, processing times, "
    "earlier invocations and their configuration"
)


def rebuild_record(
    folder: Path, tell: Callable[[str], None] = print
) -> tuple[int, list[tuple[Path, str]]]:
    """Read every product of a run and make its record from them.

    Parameters
    ----------
    folder : pathlib.Path
        Output folder of a run.
    tell : callable
        Called with a line for each product that can't be read, for an old record, and for what is
        lost.

    Returns
    -------
    count : int
        Products in the record.
    failed : list of tuple
        Incomplete products, and why; the record has them as failures.

    Raises
    ------
    BadFileError
        If there are no products.
    """
    products = list(products_of(folder))
    if not products:
        raise BadFileError(f"{folder}: no products in {CCD_FOLDER.pattern} to make a record from")
    old = put_aside(folder)
    if old:
        tell(f"the old record is now {old}")
    failed: list[tuple[Path, str]] = []
    versions: set[str] = set()
    with RecordWriter(folder) as record:
        stars = dict(_stars(folder, record, tell))
        for product in products:
            try:
                facts = facts_of_product(product, stars)
                name = _raw_name(product)
            except (OSError, ValueError) as error:
                failed.append((product, describe(error)))
                tell(f"not complete: {describe(error)}")
                _put_input(record, _raw_name(product), state=FAILED, error=describe(error))
                continue
            versions.add(facts["software"])
            record.put("frames", product=str(product.relative_to(folder)), input=name, **facts)
            _put_input(record, name, state=DONE, crc32=facts["input_crc32"])
            put_models(record, product, facts)
        flag_all(record)
        dates = sorted(filter(None, map(_date, products)))
        record.put(
            "runs",
            id=1,
            started=dates[0] if dates else None,
            ended=dates[-1] if dates else None,
            state="rebuilt",
            command="",
            configuration="{}",
            version=", ".join(sorted(versions)),
            total=len(record.rows("inputs")),
            message=f"this record was rebuilt from {len(products)} products; {NOT_KNOWN}",
        )
    tell(NOT_KNOWN)
    return len(products) - len(failed), failed


def _put_input(record: RecordWriter, name: str | None, **facts: Any) -> None:
    """Record the file that a product was made from; four products of a camera frame share one."""
    if name is None:
        return
    (before,) = record.rows("inputs", "WHERE path = ?", (name,)) or (None,)
    frames = 1 + (before["frames"] if before else 0) if facts["state"] == DONE else 0
    if before and before["state"] == FAILED:
        facts = {}
    record.put("inputs", path=name, frames=frames, **facts)


def _raw_name(product: Path) -> str | None:
    """Name of the raw file in a product's header."""
    name = _said(product, "RAWFILE")
    return None if name is None else str(name)


def _date(product: Path) -> str | None:
    date = _said(product, "DATE")
    return None if date is None else f"{date}+00:00"


def _said(product: Path, keyword: str) -> Any:
    try:
        headers = first_headers(product)
    except (OSError, ValueError):
        return None
    return next((header[keyword] for header in headers if keyword in header), None)


def _stars(
    folder: Path, record: RecordWriter, tell: Callable[[str], None]
) -> Iterator[tuple[tuple[int, int], Path]]:
    for path in sorted((folder / STARS_FOLDER).glob("*.h5")):
        try:
            facts = facts_of_stars(path)
        except (OSError, ValueError) as error:
            tell(f"not complete: {describe(error)}")
            continue
        if facts is not None:
            record.put("stars", path=str(path.relative_to(folder)), error="", **facts)
            yield (facts["camera"], facts["ccd"]), path


def put_aside(folder: Path) -> Path | None:
    """Rename an existing record and its journals; it may contain more than the products say."""
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
