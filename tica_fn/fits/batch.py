"""Batches: each file is processed separately, and one that fails does not stop the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from tica_fn.errors import keep_notes, of_the_package
from tica_fn.fits.outcome import DONE, FAILED, SKIPPED, Outcome, without_locals

if TYPE_CHECKING:
    from tica_fn.models import Models

__all__ = ["DONE", "FAILED", "SKIPPED", "ModelShelf", "Outcome", "Slots", "attempt", "run_batch"]


class Slots:
    """Limits how many threads compute at once; others may wait for the disk meanwhile."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._mine = threading.local()

    def __enter__(self) -> Self:
        self._free.acquire()
        self._mine.held = True
        return self

    def give_back(self) -> None:
        """Let another thread compute, because this one only waits."""
        if self._mine.held:
            self._mine.held = False
            self._free.release()

    def __exit__(self, *_: object) -> None:
        self.give_back()


_Failure = tuple[BaseException, TracebackType | None]
"""An error and where it was raised; raising it again adds to the error's own trace."""


class ModelShelf:
    """Models of a folder; each CCD's are loaded once for all threads."""

    def __init__(self, folder: Path, *, errors: bool = False) -> None:
        self.folder = folder
        self.errors = errors
        self._lock = threading.Lock()
        self._models: dict[tuple[int, int], Models | _Failure] = {}
        self._remarked: set[tuple[int, int, int | None]] = set()

    def __call__(self, camera: int, ccd: int) -> Models:
        """Return the models of one CCD."""
        from tica_fn.fits.model_files import load_models

        with self._lock:
            if (camera, ccd) not in self._models:
                try:
                    self._models[camera, ccd] = load_models(
                        self.folder, camera, ccd, errors=self.errors
                    )
                except (ValueError, OSError) as error:
                    self._models[camera, ccd] = without_locals(error), error.__traceback__
            found = self._models[camera, ccd]
        if isinstance(found, tuple):
            failure, trace = found
            raise failure.with_traceback(trace)
        return found

    def resolved(self) -> ModelShelf:
        """Return the same shelf with an absolute path, for processes in other folders."""
        return _shelf(self.folder.resolve(), self.errors)

    def __reduce__(self) -> tuple[Any, ...]:
        # Only the folder's name is pickled; in the other process one shelf serves all files.
        return _shelf, (self.folder, self.errors)

    def remarks(self, camera: int, ccd: int, sector: int | None) -> tuple[str, ...]:
        """Sentences about unexpected models, once for each CCD and sector."""
        from tica_fn.quality.known_models import unexpected_models
        from tica_fn.quality.model_sense import outside_sense

        with self._lock:
            asked = camera, ccd, sector
            if asked in self._remarked:
                return ()
            self._remarked.add(asked)
        models = self(camera, ccd)
        odd = (f"the {k} of {models.name}: {text}" for k, text in outside_sense(models).items())
        return (*odd, *unexpected_models(models, sector))


@cache
def _shelf(folder: Path, errors: bool) -> ModelShelf:
    return ModelShelf(folder, errors=errors)


def attempt(source: Path, work: Callable[[Path], Outcome]) -> Outcome:
    """Process one file; an exception becomes a failed outcome."""
    start = time.perf_counter()
    with keep_notes() as notes:
        try:
            outcome = work(source)
        except Exception as error:
            outcome = Outcome(source=source, state=FAILED, error=of_the_package(source, error))
    seconds = time.perf_counter() - start
    return attrs.evolve(outcome, seconds=seconds, notes=(*outcome.notes, *notes))


def run_batch(
    sources: Sequence[Path],
    work: Callable[[Path, Callable[[], None]], Outcome],
    jobs: int = 1,
    spare: int | None = None,
) -> Iterator[Outcome]:
    """Process every file and yield the outcomes as they come.

    `spare`: threads that may wait for the disk beside the `jobs` that compute.
    """
    slots = Slots(jobs)

    def one(source: Path) -> Outcome:
        with slots:
            return attempt(source, lambda path: work(path, slots.give_back))

    if spare is None:
        spare = jobs if jobs > 1 else 0
    if jobs + spare == 1:
        yield from map(one, sources)
        return
    waiting = iter(sources)
    with ThreadPoolExecutor(jobs + spare) as pool:
        running: set[Future[Outcome]] = set()
        try:
            while True:
                # Submit few at a time, so memory does not grow with the number of files.
                for source in waiting:
                    running.add(pool.submit(one, source))
                    if len(running) >= 2 * jobs + spare:
                        break
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()
