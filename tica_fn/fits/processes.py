"""Pure Python work on several files at once, in processes, because threads would block."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Self, TypeVar

from tica_fn.errors import BadFileError

__all__ = ["Processes"]

T = TypeVar("T")


class Processes:
    """Worker processes that are called from threads; one that dies fails only its own file.

    With a count of one, the work is done in the calling thread.
    """

    def __init__(self, count: int) -> None:
        self._pool = _pool(count) if count > 1 else None

    def __enter__(self) -> Self:
        return self

    def __call__(self, path: Path, function: Callable[..., T], *words: Any) -> T:
        """Call a function for a file with picklable arguments."""
        if self._pool is None:
            return function(*words)
        try:
            return self._pool.submit(function, *words).result()
        except BrokenProcessPool:
            pass  # It is unknown whose file it was; from now on each has its own process.
        with _pool(1) as alone:
            try:
                return alone.submit(function, *words).result()
            except BrokenProcessPool:
                raise BadFileError(f"{path}: the process that worked on it died") from None

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
