"""Compare files of reference stars, dataset by dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.compare.findings import Difference, Level, Rules
from tica_fn.compare.headers import relative_difference
from tica_fn.compare.values import unequal
from tica_fn.immutable import Array

__all__ = ["compare_stars", "is_star_file"]


def is_star_file(path: Path) -> bool:
    """Tell from its name whether a file contains reference stars."""
    return path.suffix in (".h5", ".hdf5")


def compare_stars(gold: Path, test: Path, rules: Rules) -> list[Difference]:
    """Compare datasets value by value and attributes as keywords; tell how far stars have moved."""
    from tica_fn.wcs.refstars_file import read_reference_stars

    stars = [read_reference_stars(path) for path in (gold, test)]
    (before, old), (after, new) = _content(gold), _content(test)
    found: list[Difference] = []

    def add(level: Level, what: str, text: str, count: int = 1, largest: float = 0.0) -> None:
        found.append(
            Difference(
                level=level, where="stars", what=what, text=text, count=count, largest=largest
            )
        )

    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            add(Level.FAILURE, name, "dataset is missing")
        elif name not in before:
            add(rules.soft, name, "dataset is new")
        elif before[name].shape != after[name].shape or before[name].dtype != after[name].dtype:
            shapes = [f"{array.shape} {array.dtype}" for array in (before[name], after[name])]
            add(Level.FAILURE, name, f"{shapes[0]} is now {shapes[1]}")
        elif (bad := unequal(before[name], after[name], rules.ulp)) is not None:
            add(Level.FAILURE, name, bad.describe("star"), bad.count, bad.largest)
    for name in dict.fromkeys([*old, *new]):
        if rules.excepts(name.upper()):
            continue
        if name not in new:
            add(Level.FAILURE, name, f"attribute is missing, was {old[name]!r}")
        elif name not in old:
            add(rules.soft, name, f"attribute is new: {new[name]!r}")
        elif old[name] != new[name]:
            numbers = all(isinstance(value, int | float) for value in (old[name], new[name]))
            size = relative_difference(old[name], new[name]) if numbers else 0.0
            level = rules.soft if numbers and size <= rules.relative else Level.FAILURE
            add(level, name, f"{old[name]!r} is now {new[name]!r}", largest=size)
    if found:
        found += _moved(*stars)
    return found


def _content(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Datasets and attributes of a file of reference stars."""
    import h5py

    from tica_fn.wcs.hdf5_file import open_hdf5

    with open_hdf5(path) as file:
        own = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        arrays = {name: np.asarray(file[name][()]) for name in own if hasattr(file[name], "shape")}
        return arrays, {name: _plain(value) for name, value in file.attrs.items()}


def _plain(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _moved(old: Any, new: Any) -> list[Difference]:
    """Distances of the stars that are in both files, on the sky and on the detector."""
    both, first, second = np.intersect1d(old.ids, new.ids, return_indices=True)
    if not both.size:
        return []
    turn = (new.ra[second] - old.ra[first] + 180.0) % 360.0 - 180.0
    dec = old.dec[first]
    sky = 3600.0 * np.hypot(turn * np.cos(np.deg2rad(dec)), new.dec[second] - dec)
    pixels = np.hypot(new.columns[second] - old.columns[first], new.rows[second] - old.rows[first])
    text = (
        f"{both.size} stars are in both: up to {sky.max():.3g} arcsec apart on the sky, measured "
        f"places up to {pixels.max():.3g} pixels"
    )
    largest = float(sky.max())
    return [Difference(level=Level.NOTE, where="stars", what="places", text=text, largest=largest)]
