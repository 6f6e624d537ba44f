"""What is to be done with every file of a run, and which output is whose."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.batch import ModelShelf
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.products.options import Product

__all__ = ["Claims", "Job"]


class Claims:
    """Which input each output of a run is made from, so that no two write the same file."""

    def __init__(self) -> None:
        self._first: dict[Path, Path] = {}
        self._lock = threading.Lock()

    def __call__(self, target: Path, source: Path) -> None:
        """Claim an output for an input."""
        if target.resolve() == source.resolve():
            raise FrameError(f"{source}: the output would replace the input")
        with self._lock:
            first = self._first.setdefault(target, source)
        if first != source:
            raise FrameError(f"{source}: {target} is made from {first} already; give one of them")

    def __reduce__(self) -> tuple[type[Claims], tuple[()]]:
        # Another process has its own outputs.
        return Claims, ()


@attrs.frozen(kw_only=True)
class Job:
    """What is to be done with every file of a run.

    `look` is shown the pixels of products that are streamed, as words of their files.
    """

    models: ModelShelf
    outdir: Path
    compress: str = "none"
    without: tuple[str, ...] = ()
    overwrite: bool = False
    product: Product = attrs.field(factory=Product)
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)
    look: Callable[[Frame, Array], None] | None = attrs.field(default=None, eq=False, repr=False)
