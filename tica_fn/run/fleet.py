"""Who does the work of a run: threads of this process, or the workers of a Dask cluster.

Either takes items one by one as it has room, so that a sector's files are never all waiting, and
gives outcomes as they come.  On a cluster only paths, jobs and outcomes travel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, Self

import attrs

from tica_fn.fits.batch import FAILED, Outcome, Slots, attempt, run_batch

__all__ = ["Cluster", "Fleet", "Threads"]

Work = Callable[..., Outcome]
Items = Iterable[tuple[Path, tuple[Any, ...]]]
_WAITING = 2
"""Files that wait at a worker's thread while it works on one."""
_ANSWER_S = 10.0


class Fleet(Protocol):
    """Does work for many items."""

    def each(self, work: Work, items: Items, *, reads: bool = False) -> Iterator[Outcome]:
        """Do ``work(path, *arguments)`` for each item and give outcomes as they come.

        What the work raises becomes an outcome that failed.  With `reads`, the work takes a slot
        to compute in by itself, and others may read and write meanwhile.
        """

    def __enter__(self) -> Self:
        """Make ready."""

    def __exit__(self, *_: object) -> None:
        """Let go."""


class Threads:
    """Threads of this process: some compute while others wait for the disk."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def each(self, work: Work, items: Items, *, reads: bool = False) -> Iterator[Outcome]:
        """Do the work, so many at a time."""
        waiting: dict[Path, tuple[Any, ...]] = {}

        def paths() -> Iterator[Path]:
            for path, arguments in items:
                waiting[path] = arguments
                yield path

        slots = Slots(self.jobs)

        def one(path: Path, waits: Callable[[], None]) -> Outcome:
            return work(path, *waiting.pop(path), slots if reads else waits)

        if reads:
            # Others read and write meanwhile: that is mostly the system's work, and the disk's.
            count = 2 * self.jobs + 1 if self.jobs > 1 else 2
            yield from run_batch(paths(), one, count, spare=0)  # type: ignore[arg-type]
        else:
            yield from run_batch(paths(), one, self.jobs)  # type: ignore[arg-type]


class Cluster:
    """Workers of a dask.distributed cluster, which see the same folders."""

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        self.client: Any = None

    def __enter__(self) -> Self:
        try:
            import distributed
        except ImportError as error:
            raise ImportError(
                "a cluster needs dask.distributed: pip install 'tica-fn[cluster]'"
            ) from error
        self.dask: Any = distributed  # its functions are not typed
        try:
            self.client = self.dask.Client(self.scheduler, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise OSError(f"{self.scheduler}: no Dask scheduler answers there ({error})") from error
        if not self._threads():
            self.client.close()
            raise OSError(f"{self.scheduler}: the Dask scheduler has no workers")
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def _threads(self) -> int:
        return sum(self.client.nthreads().values())

    def each(self, work: Work, items: Items, *, reads: bool = False) -> Iterator[Outcome]:  # noqa: ARG002
        """Do the work; files of a worker that dies are done by others."""
        waiting = iter(items)
        where: dict[str, Path] = {}

        def submit(count: int) -> list[Any]:
            futures = []
            for path, arguments in islice(waiting, count):
                future = self.client.submit(_attempt, work, path, arguments, pure=False)
                where[future.key] = path
                futures.append(future)
            return futures

        running = self.dask.as_completed(
            submit(max(self._threads(), 1) * (1 + _WAITING)), loop=self.client.loop
        )
        for future in running:
            yield self._outcome(future, where.pop(future.key))
            for other in submit(1):
                running.add(other)

    def _outcome(self, future: Any, path: Path) -> Outcome:
        try:
            outcome: Outcome = future.result()
        except self.dask.KilledWorker as error:
            why = OSError(
                f"{path}: every worker that took it died (at a memory limit, perhaps): {error}"
            )
            return Outcome(source=path, state=FAILED, error=why)
        except Exception as error:
            return Outcome(source=path, state=FAILED, error=error)
        return outcome


def _attempt(work: Work, path: Path, arguments: tuple[Any, ...]) -> Outcome:
    """Do the work on a worker; an error that can't travel goes as its words."""
    import pickle

    outcome = attempt(path, lambda one: work(one, *arguments))
    if outcome.error is not None:
        try:
            pickle.loads(pickle.dumps(outcome.error))
        except Exception:
            outcome = attrs.evolve(outcome, error=RuntimeError(str(outcome.error)))
    return outcome
