"""The workers of a run: threads of this process, or workers of a Dask cluster.

The latter are a `tica_fn.products.cluster.Cluster`.  Both take items one by one as they have room,
so the files of a sector never wait all at once, and yield outcomes as they come.  On a cluster only
paths, jobs and outcomes are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from tica_fn.fits.batch import Outcome, Slots, run_batch

if TYPE_CHECKING:
    from tica_fn.products.cluster import Work

__all__ = ["Fleet", "Threads"]

Items = Iterable[tuple[Path, tuple[Any, ...]]]


class Fleet(Protocol):
    """Does work for many items; `apart`: its workers do not share memory."""

    apart: bool

    def each(self, work: Work, items: Items, *, reads: bool = False) -> Iterator[Outcome]:
        """Do ``work(path, *arguments)`` for each item and yield outcomes as they come.

        An exception becomes a failed outcome; if no worker is left, the rest is not begun.  With
        `reads`, the work itself takes a slot to compute, and others may read and write meanwhile.
        """

    def __enter__(self) -> Self:
        """Start the workers."""

    def __exit__(self, *_: object) -> None:
        """Release the workers."""


class Threads:
    """Threads of this process: some compute while others wait for the disk."""

    apart = False

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def each(self, work: Work, items: Items, *, reads: bool = False) -> Iterator[Outcome]:
        """Do the work, `jobs` items at a time."""
        waiting: dict[Path, tuple[Any, ...]] = {}

        def paths() -> Iterator[Path]:
            for path, arguments in items:
                waiting[path] = arguments
                yield path

        slots = Slots(self.jobs)

        def one(path: Path, waits: Callable[[], None]) -> Outcome:
            return work(path, *waiting.pop(path), slots if reads else waits)

        if reads:
            # Others read and write meanwhile, which is mostly work of the system and the disk.
            count = 2 * self.jobs + 1 if self.jobs > 1 else 2
            yield from run_batch(paths(), one, count, spare=0)  # type: ignore[arg-type]
        else:
            yield from run_batch(paths(), one, self.jobs)  # type: ignore[arg-type]
