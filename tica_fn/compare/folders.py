"""Compare two folders, file by file, on several processors."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tica_fn.compare.findings import Comparison, Difference, Level, Rules
from tica_fn.compare.pair import compare_files

__all__ = ["compare_folders", "pairs"]

_ENDINGS = (".fits", ".fits.gz", ".fits.fz", ".fit", ".fit.gz", ".fz", ".h5")
_WORTH_A_PROCESS = 4
"""Below this number of files, worker processes cost more time than they save."""


def _files(folder: Path) -> dict[str, Path]:
    """FITS and star files under a folder, by their path in it without ``.gz`` or ``.fz``."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(_ENDINGS) and path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name.removesuffix(".gz").removesuffix(".fz")] = path
    return found


def pairs(gold: Path, test: Path) -> tuple[list[tuple[Path, Path]], list[str], list[str]]:
    """Match the files of two folders by name, packed or not."""
    before, after = _files(gold), _files(test)
    both = [(path, after[name]) for name, path in before.items() if name in after]
    return both, [n for n in before if n not in after], [n for n in after if n not in before]


def compare_folders(
    gold: str | Path, test: str | Path, rules: Rules | None = None, jobs: int | None = None
) -> list[Comparison]:
    """Compare all FITS files, and files of reference stars, of two folders.

    Parameters
    ----------
    gold : path
        The folder as it should be.
    test : path
        The folder as it is.
    rules : Rules, optional
        What may differ.
    jobs : int, optional
        Number of processes; as many as there are processors by default.

    Returns
    -------
    list of Comparison
        One for each file of either folder, in the order of their names.

    Raises
    ------
    FileNotFoundError
        If a folder holds no FITS files: nothing to compare is no success.
    """
    gold, test, rules = Path(gold), Path(test), rules or Rules()
    both, missing, new = pairs(gold, test)
    if not both and not missing:
        raise FileNotFoundError(f"{gold}: no FITS files to compare with")
    found = list(_each(both, rules, jobs or os.cpu_count() or 1))
    found += [_alone(gold / name, test / name, "missing", Level.FAILURE) for name in missing]
    found += [_alone(gold / name, test / name, "new", rules.soft) for name in new]
    return sorted(found, key=lambda comparison: str(comparison.gold))


def _alone(gold: Path, test: Path, text: str, level: Level) -> Comparison:
    difference = Difference(level=level, where="folder", what="file", text=text)
    return Comparison(gold=gold, test=test, differences=(difference,))


def _each(both: list[tuple[Path, Path]], rules: Rules, jobs: int) -> Iterable[Comparison]:
    jobs = min(jobs, len(both))
    if jobs <= 1 or len(both) < _WORTH_A_PROCESS:
        return [compare_files(old, new, rules) for old, new in both]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        olds, news = zip(*both, strict=True)
        return list(pool.map(compare_files, olds, news, [rules] * len(both)))
