"""Processing many files with the workers of a dask.distributed cluster.

Only paths, jobs and outcomes are sent.  Workers must see the same folders as the caller; each loads
the models of a CCD once.  If a worker dies, another processes its files.  If the scheduler or all
workers disappear, the caller learns within half a minute which files were not begun.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Self

import attrs

from tica_fn.errors import ClusterError
from tica_fn.fits.batch import attempt
from tica_fn.fits.outcome import FAILED, NOT_BEGUN, Outcome
from tica_fn.products.job import Job
from tica_fn.products.raw_files import calibrate_file
from tica_fn.products.twins import Twins, claimed

__all__ = ["Cluster", "run_on_cluster"]

_WAITING = 2
"""Files that wait for each worker thread while it processes one."""
_ANSWER_S = 10.0
"""Time for the scheduler or a worker to answer, seconds."""
_PATIENCE_S = 12.0
"""Time to wait without scheduler or workers, seconds: nannies restart workers."""
_LOOK_S = 1.0

Work = Callable[..., Outcome]


def run_on_cluster(
    sources: Sequence[Path], job: Job, scheduler: str, done: Iterable[Path] = ()
) -> Iterator[Outcome]:
    """Calibrate files on a cluster and yield the outcomes as they come.

    `done`: other inputs whose outputs are already claimed.
    """
    far = attrs.evolve(job, outdir=job.outdir.resolve(), models=job.models.resolved())
    twins = Twins(far)
    twins.skip(done)
    with Cluster(scheduler) as cluster:
        items = ((source, (far,)) for source in twins.firsts(dict.fromkeys(sources)))
        for outcome in cluster.each(_calibrate, items):
            yield claimed(outcome, far)
        for source, knowing in twins.later():
            for outcome in cluster.each(_calibrate, [(source, (knowing,))]):
                yield claimed(outcome, far)


def _calibrate(source: Path, job: Job) -> Outcome:
    return calibrate_file(source, job)


class Cluster:
    """Connection to a cluster that ends or fails within a bounded time in any case.

    `apart`: its workers share no memory.
    """

    apart = True

    def __init__(self, scheduler: str) -> None:
        self.scheduler = scheduler
        self._client: Any = None

    def __enter__(self) -> Self:
        try:
            import distributed
        except ImportError as error:
            raise ImportError(
                "a cluster needs dask.distributed: pip install 'tica-fn[cluster]'"
            ) from error
        dask: Any = distributed  # its functions are not typed
        self._killed = dask.KilledWorker
        self._cancelled = getattr(dask.client, "FutureCancelledError", CancelledError)
        # Lost connections are reported in one line, not by dask's logs.
        for name in ("distributed", "tornado", "asyncio"):
            known = [one for one in logging.root.manager.loggerDict if one.startswith(f"{name}.")]
            for one in (name, *known):
                logging.getLogger(one).setLevel(logging.CRITICAL + 1)
        client = self._client = dask.Client.__new__(dask.Client)
        how = {"timeout": _ANSWER_S, "set_as_default": False}
        try:
            _within(1.2 * _ANSWER_S, lambda: client.__init__(self.scheduler, **how))
        except Exception as error:
            client.close = lambda *_, **__: None  # It would wait for the missing answer.
            cause = " ".join(str(error).split()) or type(error).__name__
            raise ClusterError(
                f"{self.scheduler}: no Dask scheduler answers there ({cause[:200]})"
            ) from error
        try:
            self._check_workers()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(Exception):  # The scheduler may be gone already.
            _within(_ANSWER_S / 2, lambda: self._client.close(timeout=_ANSWER_S / 4))
        self._client.close = lambda *_, **__: None

    def _threads(self) -> int:
        """Number of the workers' threads; 0 if the scheduler does not answer."""
        try:
            return sum(_within(_ANSWER_S / 2, self._client.nthreads).values())
        except Exception:
            return 0

    def _check_workers(self) -> None:
        if not self._threads():
            raise ClusterError(f"{self.scheduler}: the Dask scheduler has no workers")
        try:
            found = _within(
                _ANSWER_S, lambda: self._client.run(find_spec, "tica_fn", on_error="return")
            )
        except Exception as error:
            raise ClusterError(f"{self.scheduler}: its workers do not answer ({error})") from error
        without = sorted(
            str(name) for name, has in found.items() if not isinstance(has, ModuleSpec)
        )
        if without:
            raise ClusterError(
                f"{self.scheduler}: tica-fn is not installed where {len(without)} of {len(found)} "
                f"workers run ({without[0]})"
            )

    def each(
        self,
        work: Work,
        items: Iterable[tuple[Path, tuple[Any, ...]]],
        *,
        reads: bool = False,  # noqa: ARG002
    ) -> Iterator[Outcome]:
        """Run `work(path, *arguments)` on a worker for every file; yield the outcomes."""
        waiting = iter(items)
        finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        running: dict[str, tuple[Path, Any]] = {}

        def submit(count: int) -> None:
            # Submit few at a time, so the scheduler does not hold a sector's worth of tasks.  Each
            # call has its own key, so clients of one scheduler do not share results.
            for path, arguments in islice(waiting, count):
                future = self._client.submit(_attempt, work, path.absolute(), arguments, pure=False)
                running[future.key] = path, future
                future.add_done_callback(finished.put)

        lost: float | None = None
        submit(max(self._threads(), 1) * (1 + _WAITING))
        while running:
            try:
                future = finished.get(timeout=_LOOK_S)
            except queue.Empty:
                if self._threads():
                    lost = None
                elif lost is None:
                    lost = time.monotonic()
                elif time.monotonic() - lost > _PATIENCE_S:
                    break
                continue
            outcome = self._outcome(future, running[future.key][0])
            if outcome is None:  # The connection is gone.
                break
            lost = None
            del running[future.key]
            yield outcome
            submit(1)
        if running:
            gone = ClusterError(f"{self.scheduler}: {self._what_is_gone()}")
            paths = [path for path, _ in running.values()]
            for path in (*paths, *(path for path, _ in waiting)):
                yield Outcome(source=path, state=NOT_BEGUN, error=gone)

    def _what_is_gone(self) -> str:
        try:
            _within(_ANSWER_S / 2, self._client.nthreads)
        except Exception:
            return "the Dask scheduler went away; the same command goes on when it is back"
        return "all workers went away; the same command goes on when there are some"

    def _outcome(self, future: Any, path: Path) -> Outcome | None:
        try:
            outcome: Outcome = future.result(timeout=_ANSWER_S)
        except self._killed:
            why = OSError(f"{path}: every worker that took it died (at a memory limit, perhaps)")
            return Outcome(source=path, state=FAILED, error=why)
        except Exception as error:
            if isinstance(error, self._cancelled) or future.status in ("lost", "cancelled"):
                return None
            return Outcome(source=path, state=FAILED, error=error)
        return attrs.evolve(outcome, source=path)


def _attempt(work: Work, path: Path, arguments: tuple[Any, ...]) -> Outcome:
    """Do the work on a worker; an error that can't be pickled is replaced by its message."""
    outcome = attempt(path, lambda one: work(one, *arguments))
    if outcome.error is not None:
        try:
            pickle.loads(pickle.dumps(outcome.error))
        except Exception:
            outcome = attrs.evolve(outcome, error=RuntimeError(str(outcome.error)))
    return outcome


def _within(seconds: float, function: Callable[[], Any]) -> Any:
    """Result of a function that may never return; TimeoutError after `seconds`."""
    answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put((function(), None))
        except BaseException as error:
            answer.put((None, error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        result, error = answer.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return result
