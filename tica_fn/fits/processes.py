"""Work of Python itself on several files at once: in processes, where threads would wait."""

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
    """Worker processes that are called from threads; one that dies takes only its own file along.

    With a count of one, the work is done where it is asked for.
    """

    def __init__(self, count: int) -> None:
        self._pool = _pool(count) if count > 1 else None

    def __enter__(self) -> Self:
        return self

    def __call__(self, path: Path, function: Callable[..., T], *words: Any) -> T:
        """Have a function of a file called with picklable arguments."""
        if self._pool is None:
            return function(*words)
        try:
            return self._pool.submit(function, *words).result()
        except BrokenProcessPool:
            pass  # Whose file it was is not known: each is worked at by itself from now on.
        with _pool(1) as alone:
            try:
                return alone.submit(function, *words).result()
            except BrokenProcessPool:
                raise BadFileError(f"{path}: the process that worked at it died") from None

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))
