"""Compare two files: FITS by HDU, reference stars by dataset."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.compare.findings import Comparison, Difference, Level, Rules
from tica_fn.compare.headers import compare_headers
from tica_fn.compare.solutions import judge_solution, judge_stars
from tica_fn.compare.star_files import compare_stars, is_star_file
from tica_fn.compare.values import unequal
from tica_fn.errors import BadFileError, describe, of_the_package, one_line
from tica_fn.fits.gate import open_checked
from tica_fn.fits.header import merged
from tica_fn.immutable import Array

__all__ = ["Hdu", "compare_files", "compare_images", "compare_tables", "incomparable", "load"]

Hdu = tuple[str, Any, Array | None]


def load(path: Path) -> list[Hdu]:
    """Read a whole FITS file: kind, header and stored values of every HDU."""
    from astropy.utils.exceptions import AstropyUserWarning

    try:
        with warnings.catch_warnings():
            # astropy only warns of a truncated file; here it is an error.
            warnings.simplefilter("error", AstropyUserWarning)
            with open_checked(path, do_not_scale_image_data=True) as hdus:
                loaded = [_loaded(hdu) for hdu in hdus]
            for _, header, _ in loaded:
                list(header.items())  # Cards are parsed when they are accessed.
            return loaded
    except (FileNotFoundError, BadFileError):
        raise
    except Exception as error:  # Whatever a library raises, the content of this file is the cause.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadFileError(f"{path}: cannot be read as FITS: {reason}") from error


def _loaded(hdu: Any) -> Hdu:
    from astropy.io import fits

    kind = "table" if isinstance(hdu, fits.BinTableHDU | fits.TableHDU) else "image"
    data = hdu.data
    if data is None:
        return kind, hdu.header.copy(), None
    if kind == "image":
        return kind, hdu.header.copy(), np.array(data)
    stored = np.array(data.view(np.ndarray))
    for name, form in zip(hdu.columns.names, hdu.columns.formats, strict=True):
        if "P" in form or "Q" in form:
            stored = _unrolled(stored, name, data[name])
    return kind, hdu.header.copy(), stored


def _unrolled(table: Array, name: str, rows: Any) -> Array:
    """Replace a variable-length column's descriptors by its bytes."""
    held = [np.frombuffer(np.ascontiguousarray(row).tobytes(), dtype=np.uint8) for row in rows]
    longest = max((row.size for row in held), default=0)
    # Each row's length precedes its bytes, so that padding does not count as values.
    kind = np.dtype([("length", "i8"), ("bytes", "u1", (longest,))])
    fields = [
        (n, table.dtype[n]) if n != name else (n, "u1", (kind.itemsize,))
        for n in table.dtype.names or ()
    ]
    out = np.zeros(len(table), dtype=np.dtype(fields))
    for other in table.dtype.names or ():
        if other != name:
            out[other] = table[other]
    for number, row in enumerate(held):
        value = np.zeros((), dtype=kind)
        value["length"] = row.size
        value["bytes"][: row.size] = row
        out[name][number] = np.frombuffer(value.tobytes(), dtype=np.uint8)
    return out


def compare_files(gold: str | Path, test: str | Path, rules: Rules | None = None) -> Comparison:
    """Compare two FITS files: pixels, headers and tables; or two files of reference stars.

    Parameters
    ----------
    gold : path
        The reference file.
    test : path
        The file to check.
    rules : Rules, optional
        Allowed differences; by default only dates, checksums and versions.

    Returns
    -------
    Comparison
        All differences; a file that cannot be read or compared is one of them.
    """
    gold, test, rules = Path(gold), Path(test), rules or Rules()
    try:
        stars = is_star_file(gold) and is_star_file(test)
        found = (compare_stars if stars else _compare)(gold, test, rules)
    except Exception as error:  # The other files of a folder are compared all the same.
        return incomparable(gold, test, error)
    return Comparison(gold=gold, test=test, differences=tuple(found))


def incomparable(gold: Path, test: Path, error: Exception) -> Comparison:
    """Comparison of two files that could not be compared, with the reason."""
    text = describe(of_the_package(test, error))
    if not any(one_line(str(path)) in text for path in (gold, test)):
        text = f"{one_line(str(test))}: {text}"
    told = BadFileError(text)  # A plain error, which can be pickled from another process.
    told.__cause__ = error
    broken = Difference(level=Level.FAILURE, where="file", what="reading", text=text)
    return Comparison(gold=gold, test=test, differences=(broken,), error=told)


def _compare(gold: Path, test: Path, rules: Rules) -> list[Difference]:
    """Compare two FITS files, HDU by HDU."""
    before, after = load(gold), load(test)
    found: list[Difference] = []
    if len(before) != len(after):
        text = f"{len(before)} HDUs are now {len(after)}"
        found.append(Difference(level=Level.FAILURE, where="file", what="HDUs", text=text))
    stars = next((hdu[2] for hdu in before if hdu[1].get("EXTNAME", "") == "WCS_STARS"), None)
    for number, (old, new) in enumerate(zip(before, after, strict=False)):
        name = old[1].get("EXTNAME", "")
        where = f"HDU {number}" + (f" {name}" if name else "")
        if old[0] != new[0]:
            text = f"{old[0]} is now {new[0]}"
            found.append(Difference(level=Level.FAILURE, where=where, what="kind", text=text))
            continue
        cards = compare_headers(old[1], new[1], where, rules)
        if old[0] == "table":
            columns = compare_tables(old[2], new[2], where, rules)
            found += judge_stars([*cards, *columns], name, rules)
        else:
            told = merged(old[1], before[0][1]), merged(new[1], after[0][1])
            found += judge_solution(*told, stars, cards, where, rules)
            found += compare_images(old[2], new[2], where, rules)
    return found


def _shape_and_type(values: Array | None) -> str:
    if values is None:
        return "no values"
    kind = values.dtype.name if values.dtype.names is None else "table"
    return f"{' x '.join(map(str, values.shape))} {kind}"


def compare_images(
    gold: Array | None, test: Array | None, where: str, rules: Rules
) -> list[Difference]:
    """Compare the pixels of two images.

    Parameters
    ----------
    gold, test : ndarray or None
        Pixels as stored.
    where : str
        Name of the HDU in the differences.
    rules : Rules
        Allowed differences.

    Returns
    -------
    list of Difference
        At most one.
    """
    if gold is None and test is None:
        return []
    before, after = _shape_and_type(gold), _shape_and_type(test)
    if gold is None or test is None or before != after:
        text = f"{before} is now {after}"
        return [Difference(level=Level.FAILURE, where=where, what="pixels", text=text)]
    bad = unequal(gold, test, rules.ulp)
    if bad is None:
        return []
    return [
        Difference(
            level=Level.FAILURE,
            where=where,
            what="pixels",
            text=bad.describe("pixel"),
            count=bad.count,
            largest=bad.largest,
        )
    ]


def compare_tables(
    gold: Array | None, test: Array | None, where: str, rules: Rules
) -> list[Difference]:
    """Compare the columns of two tables; NaN equals NaN.

    Parameters
    ----------
    gold, test : ndarray or None
        Structured arrays as stored.
    where : str
        Name of the HDU in the differences.
    rules : Rules
        Allowed differences.

    Returns
    -------
    list of Difference
        Missing and new columns, a different number of rows, and columns that differ.
    """
    before = gold.dtype.names or () if gold is not None else ()
    after = test.dtype.names or () if test is not None else ()
    found = []

    def add(level: Level, what: str, text: str, count: int = 1, largest: float = 0.0) -> None:
        found.append(
            Difference(level=level, where=where, what=what, text=text, count=count, largest=largest)
        )

    for name in before:
        if name not in after:
            add(Level.FAILURE, name, "column is missing")
    for name in after:
        if name not in before:
            add(rules.soft, name, "column is new")
    if gold is None or test is None:
        return found
    if len(gold) != len(test):
        add(Level.FAILURE, "rows", f"{len(gold)} rows are now {len(test)}")
        return found
    for name in before:
        if name not in after:
            continue
        old, new = gold[name], test[name]
        if old.shape != new.shape or old.dtype.newbyteorder("=") != new.dtype.newbyteorder("="):
            add(Level.FAILURE, name, f"{_shape_and_type(old)} is now {_shape_and_type(new)}")
            continue
        bad = unequal(old, new, rules.ulp)
        if bad is not None:
            add(Level.FAILURE, name, bad.describe("value"), bad.count, bad.largest)
    return found
