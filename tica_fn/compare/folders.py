"""Compare two folders, file by file, on several processors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

from tica_fn.compare.findings import Comparison, Difference, Level, Rules
from tica_fn.compare.pair import compare_files, incomparable
from tica_fn.errors import BadFileError
from tica_fn.fits.processes import Processes

__all__ = ["Matched", "compare_folders", "each_of", "match"]

_ENDINGS = (".fits", ".fits.gz", ".fits.fz", ".fit", ".fit.gz", ".fz", ".h5")
_WORTH_A_PROCESS = 4
"""Below this number of files, worker processes cost more time than they save."""


def _files(folder: Path) -> dict[str, Path]:
    """FITS and star files under a folder, by their path in it without ``.gz`` or ``.fz``.

    If a file exists plain and compressed, the compressed one keeps its ending.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(_ENDINGS) and path.is_file():
            name = path.relative_to(folder).as_posix()
            plain = name.removesuffix(".gz").removesuffix(".fz")
            found[name if plain in found else plain] = path
    return found


@attrs.frozen
class Matched:
    """Files of two folders, gold and test, by name: in both, missing in test, new in test."""

    both: tuple[tuple[Path, Path], ...]
    missing: tuple[tuple[Path, Path], ...]
    new: tuple[tuple[Path, Path], ...]

    def __len__(self) -> int:
        return len(self.both) + len(self.missing) + len(self.new)


def match(gold: Path, test: Path) -> Matched:
    """Match the files of two folders by name, compressed or not."""
    before, after = _files(gold), _files(test)
    if not before:
        raise FileNotFoundError(f"{gold}: no FITS files to compare with")
    return Matched(
        both=tuple((path, after[name]) for name, path in before.items() if name in after),
        missing=tuple((gold / name, test / name) for name in before if name not in after),
        new=tuple((gold / name, test / name) for name in after if name not in before),
    )


def compare_folders(
    gold: str | Path, test: str | Path, rules: Rules | None = None, jobs: int | None = None
) -> list[Comparison]:
    """Compare all FITS files, and files of reference stars, of two folders.

    Parameters
    ----------
    gold : path
        The reference folder.
    test : path
        The folder to check.
    rules : Rules, optional
        Allowed differences.
    jobs : int, optional
        Number of processes; by default the number of processors.

    Returns
    -------
    list of Comparison
        One for each file of either folder, sorted by name.

    Raises
    ------
    FileNotFoundError
        If the reference folder has no FITS files: an empty comparison is not a success.
    """
    found = each_of(match(Path(gold), Path(test)), rules or Rules(), jobs)
    return sorted(found, key=lambda comparison: str(comparison.gold))


def each_of(matched: Matched, rules: Rules, jobs: int | None = None) -> Iterator[Comparison]:
    """Compare the pairs on several processors and yield each result as it comes."""
    for found, text, level in (
        (matched.missing, "missing", Level.FAILURE),
        (matched.new, "new", rules.soft),
    ):
        difference = Difference(level=level, where="folder", what="file", text=text)
        for gold, test in found:
            yield Comparison(gold=gold, test=test, differences=(difference,))
    jobs = min(jobs or os.cpu_count() or 1, len(matched.both))
    if len(matched.both) < _WORTH_A_PROCESS:
        jobs = 1
    with Processes(jobs) as processes, ThreadPoolExecutor(max(jobs, 1)) as threads:

        def compare(pair: tuple[Path, Path]) -> Comparison:
            try:
                return processes(pair[1], compare_files, *pair, rules)
            except BadFileError as error:
                return incomparable(*pair, error)

        yield from threads.map(compare, matched.both)
