"""What a raw file is to become: one plan a product."""

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
    """A raw file as it was read: its sums are not verified."""

    path: Path
    data: memoryview
    hdus: list[RawHDU]
    kind: Kind
    stamp: SourceFile


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """One product of a file.

    `calibrate` gives what `write` writes; that takes the file to write and what is to be called
    when only the disk is waited for, and gives what is to be said.  `ccds` are (camera, CCD,
    sector), whose models are looked at.  `alone` is false where the product depends on other
    files beside the input and the models.
    """

    target: Path
    expected: Expected
    ccds: tuple[tuple[int, int, int | None], ...]
    calibrate: Callable[[], Any]
    write: Write
    frames: int = 1
    notes: tuple[str, ...] = ()
    alone: bool = True
