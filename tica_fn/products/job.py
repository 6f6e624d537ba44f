"""The job for every file of a run, and the claims of inputs to outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tica_fn.errors import FrameError
from tica_fn.products.options import Product

if TYPE_CHECKING:
    from tica_fn.fits.batch import ModelShelf
    from tica_fn.fits.stream import Put
    from tica_fn.frame import Frame
    from tica_fn.immutable import Array

__all__ = ["Claims", "Job"]


class Claims:
    """The input of each output of a run, so that no two inputs write the same file."""

    def __init__(self, first: Mapping[Path, Path] | None = None) -> None:
        self._first: dict[Path, Path] = dict(first or {})
        self._targets: dict[Path, list[Path]] = {}
        self._travels: dict[Path, Path] = dict(first or {})
        self._lock = threading.Lock()

    def __call__(self, target: Path, source: Path) -> None:
        """Claim an output for an input."""
        place = target.resolve()
        if place == source.resolve():
            raise FrameError(f"{source}: the output would replace the input")
        with self._lock:
            first = self._first.setdefault(place, source)
            if first == source:
                self._targets.setdefault(source, []).append(place)
        if first != source:
            raise FrameError(f"{source}: {target} is made from {first} already; give one of them")

    def travelling(self, sources: Iterable[Path]) -> Claims:
        """Claims of these inputs, for another process."""
        made = Claims()
        for source in sources:
            made._travels |= dict.fromkeys(self._targets.get(source, ()), source)
        return made

    def __reduce__(self) -> tuple[type[Claims], tuple[dict[Path, Path]]]:
        # Another process has its own outputs beside these claims.
        return Claims, (self._travels,)


@attrs.frozen(kw_only=True)
class Job:
    """Options for every file of a run.

    `look` is called with the pixels of streamed products, as words of their files; `put` may write
    these products in another form (`tica_fn.fits.stream.stream`).
    """

    models: ModelShelf
    outdir: Path
    compress: str = "none"
    without: tuple[str, ...] = ()
    overwrite: bool = False
    product: Product = attrs.field(factory=Product)
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)
    look: Callable[[Frame, Array], None] | None = attrs.field(default=None, eq=False, repr=False)
    put: Put | None = attrs.field(default=None, eq=False, repr=False)
