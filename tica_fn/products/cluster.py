"""Many files on many machines: the workers of a dask.distributed cluster calibrate them.

Only paths and outcomes travel.  Workers must see the same folders as the caller; each loads the
models of a CCD once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.batch import FAILED, Outcome, attempt
from tica_fn.products.job import Claims, Job
from tica_fn.products.raw_files import calibrate_file

__all__ = ["run_on_cluster"]

_WAITING = 2
"""Files that wait at a worker's thread while it works on one."""
_ANSWER_S = 10.0
"""How long the scheduler may take to answer."""


def run_on_cluster(sources: Sequence[Path], job: Job, scheduler: str) -> Iterator[Outcome]:
    """Calibrate files on a cluster and give the outcomes as they come."""
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "a cluster needs dask.distributed: pip install 'tica-fn[cluster]'"
        ) from error
    dask: Any = distributed  # its functions are not typed
    job = attrs.evolve(job, outdir=job.outdir.resolve(), models=job.models.resolved())
    try:
        client = dask.Client(scheduler, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"{scheduler}: no Dask scheduler answers there ({error})") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise OSError(f"{scheduler}: the Dask scheduler has no workers")
        waiting = iter(dict.fromkeys(sources))

        def submit(count: int) -> list[Any]:
            # Few at a time: the scheduler need not hold a sector's worth of tasks.
            return [
                client.submit(_calibrate, source.resolve(), job, key=f"{source}", pure=False)
                for source in islice(waiting, count)
            ]

        claim = Claims()
        running = dask.as_completed(submit(threads * (1 + _WAITING)), loop=client.loop)
        for future in running:
            yield _of_its_own(_outcome(future), claim)
            for other in submit(1):
                running.add(other)


def _calibrate(source: Path, job: Job) -> Outcome:
    return attempt(source, lambda path: calibrate_file(path, job))


def _of_its_own(outcome: Outcome, claim: Claims) -> Outcome:
    """Fail a file whose outputs are another's: workers do not know of each other's."""
    try:
        for target in outcome.outputs:
            claim(target, outcome.source)
    except FrameError as error:
        return Outcome(source=outcome.source, state=FAILED, error=error)
    return outcome


def _outcome(future: Any) -> Outcome:
    try:
        outcome: Outcome = future.result()
    except Exception as error:
        # The worker died, or could not even unpack what it was sent.
        return Outcome(source=Path(future.key), state=FAILED, error=error)
    return attrs.evolve(outcome, source=Path(future.key))
