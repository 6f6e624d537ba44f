"""Time and size of a run's products, measured by processing some of its files."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import describe
from tica_fn.fits.batch import ModelShelf
from tica_fn.fits.outcome import FAILED, Outcome
from tica_fn.immutable import Array
from tica_fn.products.job import Claims
from tica_fn.run.fleet import Threads
from tica_fn.run.run_job import Made, RunJob
from tica_fn.run.stars_work import find_stars
from tica_fn.run.work import fit_product, make_products

__all__ = ["Sample", "take_sample"]

_CCD = re.compile(r"-s\d{4}-([1-4]-[1-4])-")
_MOST = 12
ROUNDS = 3


@attrs.frozen(kw_only=True)
class Sample:
    """Measurements, in seconds of wall time, with as many jobs as in the run.

    Per file: products and bytes, and the time to calibrate and to solve them.  Per CCD: the time to
    load its models and to find its stars.  `begin_s`: start-up; `files`: size of the sample;
    `unsolved`: why solutions were not timed.  Times are medians of some rounds; `fastest` and
    `slowest`: those of one round over the median, 1 if they agree.
    """

    file_s: float
    fit_s: float
    products: float
    bytes: float
    models_s: float
    stars_s: float
    begin_s: float
    files: int
    fastest: float = 1.0
    slowest: float = 1.0
    rounds: int = ROUNDS
    unsolved: str = ""


def take_sample(
    sources: Sequence[Path], run: RunJob, jobs: int, catalog: str | None, *, with_wcs: bool
) -> Sample:
    """Process some of the files in a temporary folder.

    Raises
    ------
    ValueError, OSError
        If the first file fails.
    """
    chosen = _alike(sources, min(max(2 * jobs + 2, 4), _MOST))
    with tempfile.TemporaryDirectory(prefix="tica-fn-dry-run-") as folder:
        job = attrs.evolve(run.job, claim=Claims(), overwrite=True)
        run = attrs.evolve(run, job=job, out=Path(folder))
        begin = time.process_time()  # Imports so far; compiled kernels are cached next time.
        first = make_products(chosen[0], run)
        (facts, *_) = first.facts.values()
        ccd = facts["camera"], facts["ccd"]
        models_s = 0.0
        if None not in ccd:
            shelf = ModelShelf(job.models.folder, errors=job.models.errors)
            _, models_s = _timed(lambda: shelf(*ccd))
        made, spent = _many(make_products, [(path, (run,)) for path in chosen], jobs)
        stars_s, fit, unsolved = 0.0, np.zeros(ROUNDS), ""
        products = [path for one in made for path in one.outputs]
        if with_wcs and run.solvable and facts["kind"] == "frame" and ccd not in run.stars:
            said = [each for one in made if isinstance(one, Made) for each in one.facts.items()]
            modes = {name: each.get("mode") or np.inf for name, each in said}
            own = [path for path in products if path.parent == first.outputs[0].parent]
            own.sort(key=lambda path: modes[str(path.relative_to(run.out))])
            try:
                stars_s, fit = _solved(own, run, ccd, jobs, catalog)
            except (OSError, ValueError) as error:
                unsolved = describe(error).replace(f"{folder}/", "")
        rounds = spent / len(made) + len(products) / len(made) * fit
        return Sample(
            file_s=float(np.median(spent)) / len(made),
            fit_s=float(np.median(fit)),
            fastest=float(rounds.min() / np.median(rounds)),
            slowest=float(rounds.max() / np.median(rounds)),
            products=len(products) / len(made),
            bytes=sum(path.stat().st_size for path in products) / len(made),
            models_s=models_s,
            stars_s=stars_s,
            begin_s=begin,
            files=len(made),
            unsolved=unsolved,
        )


def _solved(
    own: Sequence[Path], run: RunJob, ccd: tuple[int, int], jobs: int, catalog: str | None
) -> tuple[float, Array]:
    """Seconds to find a CCD's stars, and to solve a product in each round.

    `own`: its products, the darkest first.
    """
    product = own[0]
    target = run.out / "stars.h5"
    find_stars(product, run, ccd, target, catalog, "")
    _, stars_s = _timed(lambda: find_stars(product, run, ccd, target, catalog, ""))
    with_stars = attrs.evolve(run, stars={ccd: target})
    fit_product(product, with_stars, ccd)
    _, spent = _many(fit_product, [(p, (with_stars, ccd)) for p in own], jobs, reads=True)
    return stars_s, spent / len(own)


def _many(
    work: Callable[..., Outcome], items: list[Any], jobs: int, **how: bool
) -> tuple[list[Outcome], Array]:
    """Do the work for all with `jobs` threads; the successful ones, and each round's seconds."""
    spent = np.zeros(ROUNDS)
    for k in range(ROUNDS):
        outcomes, spent[k] = _timed(lambda: list(Threads(jobs).each(work, items, **how)))
    done = [one for one in outcomes if one.state != FAILED]
    if not done:
        error = outcomes[0].error
        raise ValueError(describe(error) if error is not None else "no file could be processed")
    return done, spent


def _alike(sources: Sequence[Path], most: int) -> list[Path]:
    """Some files, of the same CCD as the first if their names give it."""
    said = _CCD.search(sources[0].name)
    own = [path for path in sources if said is None or f"-{said[1]}-" in path.name]
    return own[:most]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start
