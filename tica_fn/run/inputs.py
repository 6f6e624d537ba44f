"""The raw files of a run: named, in folders, or in a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["raw_files"]

_RAW = re.compile(r"[^.].*\.fits?(\.gz|\.fz)?", re.IGNORECASE)
_NOT_RAW = re.compile(
    r".*(\.cal\.fits|_ffic\.|_col\.fits|-flat\.fits|-2dblack\.fits|_truth\.fits|_img\.fits).*"
    r"|cam[1-4]_ccd[1-4]_(twoDcorrect|image)\.fits.*"
)


def raw_files(named: Iterable[Path], out: Path) -> list[Path]:
    """Files that are named, and those in folders that may be raw; each once, in order.

    What is below the output folder, products, models, collateral and truth files are left out of
    folders.
    """
    out = out.resolve()
    found: list[Path] = []
    for path in named:
        found += _in_folder(path, out) if path.is_dir() else [path]
    return list(dict.fromkeys(Path(path).absolute() for path in found))


def _in_folder(folder: Path, out: Path) -> Iterator[Path]:
    inside = folder.resolve() == out or out in folder.resolve().parents
    if inside:
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _in_folder(path, out)
        elif _RAW.fullmatch(path.name) and not _NOT_RAW.fullmatch(path.name):
            yield path
