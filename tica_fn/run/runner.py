"""A run: calibrate all files, choose references, find their stars, fit all frames, keep a record.

Modules that process files are imported only if there is work: an invocation that finds everything
done takes a fraction of a second.

Without reference stars a run has two passes, because all frames of a CCD must be calibrated before
its darkest one is known.  If they exist (a resumed run, or ``refstars``), the solution is written
with the product.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.outcome import FAILED, NOT_BEGUN, Outcome
from tica_fn.fits.version import __version__
from tica_fn.run.fleet import Fleet
from tica_fn.run.keeper import Keeper
from tica_fn.run.outputs import given_stars
from tica_fn.run.record_writer import RecordWriter
from tica_fn.run.run_job import RunJob
from tica_fn.run.stopping import Stop, is_full
from tica_fn.run.todo import Todo

__all__ = ["Runner", "StageCounts"]

Tell = Callable[[Iterator[Outcome], int, str], None]


@attrs.define
class StageCounts:
    """Numbers of files or frames of a stage."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0


def now() -> str:
    """The current time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@attrs.define(kw_only=True)
class Runner:
    """One invocation of a run.

    `tell` shows outcomes as they come and must consume all of them; `prepare` is called once,
    before the first work; `catalog` is a table of stars, the name of a service, or None for the
    built-in catalogue.
    """

    job: RunJob
    record: RecordWriter
    fleet: Fleet
    stop: Stop
    tell: Tell
    say: Callable[[str], None]
    todo: Todo
    prepare: Callable[[], None]
    with_wcs: bool = True
    given_stars: Path | None = None
    catalog: str | None = None
    counts: dict[str, StageCounts] = attrs.field(factory=dict)
    _keeper: Keeper = attrs.field(init=False)
    _run: int = attrs.field(default=0, init=False)
    _prepared: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Create the keeper of the record."""
        self._keeper = Keeper(
            record=self.record, out=self.job.out, fingerprint=self.todo.fingerprint, say=self.say
        )

    def calibrate(self, sources: list[Path]) -> None:
        """Make the missing products of every file."""
        self._take_stars()
        todo = list(self.todo.files(sources, self.job))
        count = self.counts["calibrate"] = StageCounts(total=len(sources))
        count.skipped = len(sources) - len(todo)
        if not todo:
            return
        from tica_fn.run.summary import flag_all

        with self._stage("calibrate", len(todo), count):
            outcomes = self._made(sources, todo)
            self.tell(self._kept(outcomes, count, self._keeper.input), len(todo), "calibrating")
        count.left = count.total - count.done - count.skipped - count.failed
        flag_all(self.record)

    def _made(self, sources: list[Path], todo: list[Path]) -> Iterator[Outcome]:
        """Make products; on a cluster, inputs of the same product one after the other."""
        from tica_fn.products.twins import Twins, claimed
        from tica_fn.run.work import make_products

        run, wanted = self.job, set(todo)
        if not self.fleet.apart:
            items = ((path, (run,)) for path in self.stop.feed(iter(todo)))
            yield from self.fleet.each(make_products, items)
            return
        twins = Twins(run.job)
        feed = (path for path in twins.firsts(sources) if path in wanted)
        for outcome in self.fleet.each(make_products, ((p, (run,)) for p in self.stop.feed(feed))):
            yield claimed(outcome, run.job)
        for path, job in self.stop.feed(twins.later()):
            if path in wanted:
                item = path, (attrs.evolve(run, job=job),)
                for outcome in self.fleet.each(make_products, [item]):
                    yield claimed(outcome, run.job)

    def choose_and_find_stars(self) -> None:
        """Choose each CCD's reference frame and find its stars, where there are none yet."""
        wanted = self.todo.stars(self.job, self._stars_options) if self.with_wcs else {}
        count = self.counts["stars"] = StageCounts(total=len(wanted))
        if not wanted or self.stop:
            return
        from tica_fn.run.stars_work import find_stars

        for camera, ccd in wanted if self.given_stars is not None else ():
            self.say(
                f"no reference stars of camera {camera} CCD {ccd} in {self.given_stars}: they are "
                "found in its own reference frame"
            )
        items = (
            (product, (self.job, ccd, target, self.catalog, self._stars_options))
            for ccd, (product, target) in self.stop.feed(iter(wanted.items()))
        )
        with self._stage("stars", len(wanted), count):
            outcomes = self.fleet.each(find_stars, items)
            self.tell(
                self._kept(outcomes, count, self._keeper.stars), len(wanted), "reference stars"
            )
        self._take_stars()

    def fit(self) -> None:
        """Fit every product that has no solution yet and whose stars are known."""
        todo = list(self.todo.solutions(self.job, self._keeper.digests)) if self.with_wcs else []
        count = self.counts["fit"] = StageCounts(total=len(todo))
        if not todo or self.stop:
            return
        from tica_fn.run.summary import flag_all
        from tica_fn.run.work import fit_product

        items = ((path, (self.job, ccd)) for path, ccd in self.stop.feed(iter(todo)))
        with self._stage("fit", len(todo), count):
            outcomes = self.fleet.each(fit_product, items, reads=True)
            self.tell(self._kept(outcomes, count, self._keeper.fit), len(todo), "fitting")
        count.left = count.total - count.done - count.failed
        flag_all(self.record)

    def mark_transients(self) -> None:
        """Flag cosmic rays by time: pixels that are bright in a single frame of their CCD."""
        todo = list(self.todo.neighbours(self.job))
        count = self.counts["transients"] = StageCounts(total=len(todo))
        if not todo or self.stop:
            return
        from tica_fn.run.work import mark_product_transients

        items = ((path, (self.job, *beside)) for path, beside in self.stop.feed(iter(todo)))
        with self._stage("transients", len(todo), count):
            outcomes = self.fleet.each(mark_product_transients, items, reads=True)
            self.tell(self._kept(outcomes, count, self._keeper.marks), len(todo), "transients")
        count.left = count.total - count.done - count.skipped - count.failed

    def begin(self, command: str, configuration: Mapping[str, Any], total: int) -> None:
        """Record the start of this invocation."""
        import platform
        import socket

        last = self.record.rows("runs", "ORDER BY id DESC LIMIT 1")
        self._run = self._keeper.run = (last[0]["id"] if last else 0) + 1
        self.record.put(
            "runs",
            id=self._run,
            started=now(),
            state="running",
            command=command,
            configuration=json.dumps(configuration, default=str, sort_keys=True),
            version=__version__,
            python=platform.python_version(),
            host=socket.gethostname(),
            total=total,
        )
        self.record.commit()

    def end(self, state: str, message: str = "") -> None:
        """Record how this invocation ended."""
        self.record.put("runs", id=self._run, ended=now(), state=state, message=message)
        self.record.commit()

    @property
    def did_anything(self) -> bool:
        """Whether anything was made, fitted or attempted."""
        return any(count.done or count.failed for count in self.counts.values())

    @property
    def left(self) -> int:
        """Number of files left because the run was stopped."""
        return self.counts.get("calibrate", StageCounts()).left

    @property
    def unsolved(self) -> int:
        """Number of frames without a solution that none was tried for, if solutions are wanted."""
        if not (self.with_wcs and self.job.solvable):
            return 0
        return len(self.record.rows("frames", "WHERE kind = 'frame' AND coalesce(wcs, '') = ''"))

    @property
    def summary(self) -> str:
        """One line about all stages."""
        count = self.counts.get("calibrate", StageCounts())
        line = f"{count.done} done, {count.skipped} skipped, {count.failed} failed"
        for stage, what in _STAGES:
            one = self.counts.get(stage)
            if one is not None and one.total:
                line += f"; {what}: {one.done} done, {one.failed} failed"
        if self.todo.failed_before:
            line += f"; {self.todo.failed_before} that failed are left for --retry-failed"
        return line

    @property
    def _stars_options(self) -> str:
        """What reference stars depend on besides their frame, in words."""
        if self.given_stars is not None:
            return "given"
        return f"catalogue {self.catalog or 'built in'}, centroid {self.job.method}"

    def _take_stars(self) -> None:
        """Use the given reference stars, or recorded ones with the same options."""
        if not self.with_wcs:
            return
        stars: dict[tuple[int, int], Path] = {}
        wanted = self._keeper.stars_options = self._stars_options
        for path in given_stars(self.given_stars) if self.given_stars is not None else ():
            facts = self._facts_of_given(path.resolve())
            if facts is not None:
                stars[facts["camera"], facts["ccd"]] = path.resolve()
                self.record.put("stars", **facts)
        for row in self.record.rows("stars", "WHERE path IS NOT NULL AND path != ''"):
            path = self.job.out / row["path"]
            ccd = row["camera"], row["ccd"]
            if path.is_file() and ((row["options"] or wanted) == wanted or ccd in stars):
                stars.setdefault(ccd, path)
                self._keeper.digests[ccd] = row["digest"]
        self.job = attrs.evolve(self.job, stars=stars)

    def _facts_of_given(self, path: Path) -> Mapping[str, Any] | None:
        """What is on record of a file of stars, if it is still the same; else what it holds."""
        known = self.record.rows("stars", "WHERE path = ? AND options = 'given'", (str(path),))
        if known and known[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest():
            return dict(known[0])
        from tica_fn.run.star_facts import facts_of_stars

        facts = facts_of_stars(path)
        said = {"path": str(path), "error": "", "options": self._stars_options}
        return None if facts is None else said | facts

    def _kept(
        self, outcomes: Iterator[Outcome], count: StageCounts, keep: Callable[[Outcome], None]
    ) -> Iterator[Outcome]:
        """Record outcomes as they pass; stop if a disk is full."""
        for outcome in outcomes:
            if is_full(outcome.error):
                self.stop.full(outcome.error)  # type: ignore[arg-type]
                continue
            if outcome.state == NOT_BEGUN:
                self.stop.without_workers(outcome.error)
                continue
            if outcome.state == FAILED:
                count.failed += 1
            elif outcome.state == "skipped":
                count.skipped += 1
            else:
                count.done += 1
            try:
                keep(outcome)
            except OSError as error:
                if not is_full(error):
                    raise
                self.stop.full(error)
                continue
            yield outcome

    def _stage(self, name: str, total: int, count: StageCounts) -> _Stage:
        if not self._prepared:
            self.prepare()
            self._prepared = True
        return _Stage(self.record, self._run, name, total, count)


_STAGES = (
    ("stars", "reference stars of CCDs"),
    ("fit", "solutions"),
    ("transients", "frames with cosmic rays flagged by time"),
)


class _Stage:
    """One stage of an invocation, whose times are recorded."""

    def __init__(
        self, record: RecordWriter, run: int, name: str, total: int, count: StageCounts
    ) -> None:
        self.record, self.key, self.count = record, {"run": run, "stage": name}, count
        self.total = total

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        self.record.put("stages", **self.key, started=now(), total=self.total)
        self.record.commit()

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self.start
        items = self.count.done + self.count.failed
        self.record.put("stages", **self.key, seconds=seconds, items=items)
        self.record.commit()


def check_outputs(out: Path) -> None:
    """Refuse an output folder that is a file or can't be written."""
    import os

    if out.exists() and not out.is_dir():
        raise FrameError(f"{out}: the output folder is a file")
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK | os.X_OK):
        raise PermissionError(f"{out}: the output folder can't be written")
