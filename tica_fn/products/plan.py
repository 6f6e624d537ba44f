"""Plans of what a raw file becomes, one for each product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.kinds import Kind
from tica_fn.models import SourceFile
from tica_fn.products.staleness import Expected

__all__ = ["Plan", "RawFile"]

Write = Callable[[Any, Path, Callable[[], None] | None], tuple[str, ...]]


@attrs.frozen(kw_only=True, eq=False)
class RawFile:
    """A raw file as read; its checksums are not yet verified."""

    path: Path
    data: memoryview
    hdus: list[RawHDU]
    kind: Kind
    stamp: SourceFile


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """One product of a file.

    `calibrate` returns the object that `write` writes.  `write` takes this object, the file, and a
    function to call when it only waits for the disk; it returns notes.  `ccds` are (camera, CCD,
    sector) whose models are used.  `alone` is false if the product depends on files other than the
    input and the models.
    """

    target: Path
    expected: Expected
    ccds: tuple[tuple[int, int, int | None], ...]
    calibrate: Callable[[], Any]
    write: Write
    frames: int = 1
    notes: tuple[str, ...] = ()
    alone: bool = True
