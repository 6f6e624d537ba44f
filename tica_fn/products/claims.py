"""Outputs of a run, each of one input."""

from __future__ import annotations

import threading
from pathlib import Path

from tica_fn.errors import FrameError

__all__ = ["Claims"]


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
