"""A run: calibrate everything, choose references, find their stars, fit every frame, keep record.

Two passes where the stars are not there yet: all frames of a CCD are calibrated before its darkest
one is known.  Where they are (a run that goes on, or ``refstars``), the solution goes in when the
product is written.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import FrameError, describe
from tica_fn.fits.batch import FAILED, Outcome
from tica_fn.run.facts import stat_facts
from tica_fn.run.fleet import Fleet
from tica_fn.run.outputs import ccd_folder, stars_path
from tica_fn.run.record import RecordWriter
from tica_fn.run.star_facts import facts_of_stars
from tica_fn.run.stars_work import find_stars
from tica_fn.run.stopping import Stop, is_full
from tica_fn.run.summary import choices_of_record, flag_all, put_models
from tica_fn.run.work import Made, RunJob, fit_product, make_products

__all__ = ["Counts", "Runner"]

Tell = Callable[[Iterator[Outcome], int, str], None]


@attrs.define
class Counts:
    """How many files and frames of a stage there are."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@attrs.define(kw_only=True)
class Runner:
    """One go at a run.

    `tell` shows outcomes as they come and must take all of them; `catalog` is a table of stars, or
    a word, or None for the built-in catalogue.
    """

    job: RunJob
    record: RecordWriter
    fleet: Fleet
    stop: Stop
    tell: Tell
    say: Callable[[str], None]
    fingerprint: str
    with_wcs: bool = True
    verify: bool = False
    retry_failed: bool = False
    given_stars: Path | None = None
    catalog: str | None = None
    run: int = 0
    failed_before: int = 0
    counts: dict[str, Counts] = attrs.field(factory=dict)
    _models: set[Any] = attrs.field(factory=set, init=False)

    def calibrate(self, sources: list[Path]) -> None:
        """Make the products of every file that are not there already."""
        self._take_stars()
        todo = list(self._undone(sources))
        count = self.counts["calibrate"] = Counts(total=len(sources))
        count.skipped = len(sources) - len(todo)
        if not todo:
            return
        items = ((path, (self.job,)) for path in self.stop.feed(iter(todo)))
        before = len(todo)
        with self._stage("calibrate", len(todo), count):
            outcomes = self.fleet.each(make_products, items)
            self.tell(self._kept(outcomes, count, self._keep_input), before, "calibrating")
        count.left = count.total - count.done - count.skipped - count.failed
        flag_all(self.record)

    def choose_and_find_stars(self) -> None:
        """Choose each CCD's reference frame and find its stars, where there are none yet."""
        wanted = self._ccds_without_stars()
        count = self.counts["stars"] = Counts(total=len(wanted))
        if not wanted or self.stop:
            return
        items = (
            (product, (self.job, ccd, target, self.catalog))
            for ccd, (product, target) in self.stop.feed(iter(wanted.items()))
        )
        with self._stage("stars", len(wanted), count):
            outcomes = self.fleet.each(find_stars, items)
            self.tell(self._kept(outcomes, count, self._keep_stars), len(wanted), "reference stars")
        self._take_stars()

    def fit(self) -> None:
        """Fit the solution of every product that has none yet and whose stars are known."""
        todo = list(self._unsolved())
        count = self.counts["fit"] = Counts(total=len(todo))
        if not todo or self.stop:
            return
        items = ((path, (self.job, ccd)) for path, ccd in self.stop.feed(iter(todo)))
        with self._stage("fit", len(todo), count):
            outcomes = self.fleet.each(fit_product, items, reads=True)
            self.tell(self._kept(outcomes, count, self._keep_fit), len(todo), "fitting")
        count.left = count.total - count.done - count.failed
        flag_all(self.record)

    def begin(self, command: str, configuration: Mapping[str, Any], total: int) -> None:
        """Put this go on the record."""
        import platform
        import socket
        from importlib.metadata import version

        last = self.record.rows("runs", "ORDER BY id DESC LIMIT 1")
        self.run = (last[0]["id"] if last else 0) + 1
        self.record.put(
            "runs",
            id=self.run,
            started=now(),
            state="running",
            command=command,
            configuration=json.dumps(configuration, default=str, sort_keys=True),
            version=version("tica-fn"),
            python=platform.python_version(),
            host=socket.gethostname(),
            total=total,
        )
        self.record.commit()

    def end(self, state: str, message: str = "") -> None:
        """Say on the record how this go ended."""
        self.record.put("runs", id=self.run, ended=now(), state=state, message=message)
        self.record.commit()

    @property
    def left(self) -> int:
        """Files that are still to be done because the run was stopped."""
        return sum(count.left for count in self.counts.values())

    @property
    def summary(self) -> str:
        """One line about all stages."""
        count = self.counts.get("calibrate", Counts())
        line = f"{count.done} done, {count.skipped} skipped, {count.failed} failed"
        for stage, what in (("stars", "reference stars of CCDs"), ("fit", "solutions")):
            one = self.counts.get(stage)
            if one is not None and one.total:
                line += f"; {what}: {one.done} done, {one.failed} failed"
        return line

    # What is to be done.

    def _undone(self, sources: list[Path]) -> Iterator[Path]:
        known = {row["path"]: row for row in self.record.rows("inputs")}
        products: dict[str, list[Any]] = {}
        for frame in self.record.rows("frames"):
            products.setdefault(frame["input"] or "", []).append(frame)
        for source in sources:
            row = known.get(str(source))
            mine = products.get(str(source), [])
            if row is None or self.job.job.overwrite or self.verify:
                yield source
            elif self._settled(source, row, mine):
                for product in mine:
                    self.job.job.claim(self.job.out / product["product"], source)
                if row["state"] == FAILED:
                    self.failed_before += 1
                    self.say(f"failed before, --retry-failed tries again: {row['error']}")
            else:
                yield source

    def _settled(self, source: Path, row: Any, products: list[Any]) -> bool:
        """Tell whether a file's products are whole, of the same input, models and options."""
        if row["fingerprint"] != self.fingerprint or not _same(source, row):
            return False
        if row["state"] == FAILED:
            return not self.retry_failed
        return bool(products) and all(_same(self.job.out / p["product"], p) for p in products)

    def _take_stars(self) -> None:
        """Take the files of reference stars that are on record, or were given."""
        if not self.with_wcs:
            return
        stars: dict[tuple[int, int], Path] = {}
        if self.given_stars is not None:
            for path in sorted(self.given_stars.glob("*.h5")):
                facts = facts_of_stars(path)
                if facts is not None:
                    stars[facts["camera"], facts["ccd"]] = path.resolve()
                    self.record.put("stars", path=str(path.resolve()), error="", **facts)
        for row in self.record.rows("stars", "WHERE path IS NOT NULL AND path != ''"):
            path = self.job.out / row["path"]
            if path.is_file():
                stars.setdefault((row["camera"], row["ccd"]), path)
        self.job = attrs.evolve(self.job, stars=stars)

    def _ccds_without_stars(self) -> dict[tuple[int, int], tuple[Path, Path]]:
        """Reference product and file of stars to make, by CCD."""
        if not (self.with_wcs and self.job.solvable):
            return {}
        failed = {
            (row["camera"], row["ccd"]): row
            for row in self.record.rows("stars", "WHERE error != ''")
        }
        wanted = {}
        for one in choices_of_record(self.record):
            for ccd, chosen in one.by_ccd.items():
                key = (one.camera, ccd)
                if key in self.job.stars:
                    continue
                if chosen.reference < 0:
                    self._no_stars(key, "no frame is good enough to be the reference")
                    continue
                (name,) = one.files(ccd, [chosen.reference])
                product = f"{ccd_folder(*key)}/{name}"
                (row,) = self.record.rows("frames", "WHERE product = ?", (product,))
                before = failed.get(key)
                if before is not None and before["reference"] == name and not self.retry_failed:
                    self.failed_before += 1
                    self.say(f"failed before, --retry-failed tries again: {before['error']}")
                    continue
                if row["sector"] is None:
                    self._no_stars(key, f"{name}: the sector is not known, which the stars need")
                    continue
                target = stars_path(self.job.out, row["sector"], *key)
                wanted[key] = self.job.out / row["product"], target
        return wanted

    def _no_stars(self, ccd: tuple[int, int], why: str) -> None:
        self.record.put("stars", camera=ccd[0], ccd=ccd[1], path="", error=why)
        self.say(f"no reference stars of camera {ccd[0]} CCD {ccd[1]}: {why}")

    def _unsolved(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        if not (self.with_wcs and self.job.solvable):
            return
        for row in self.record.rows("frames", "WHERE kind = 'frame' ORDER BY camera, ccd, cadence"):
            ccd = row["camera"], row["ccd"]
            # What is not known of a record that was made anew is taken to be as wanted.
            same = (row["wcs_options"] or self.job.wcs_options) == self.job.wcs_options
            if ccd not in self.job.stars or (row["wcs"] == "done" and same):
                continue
            if row["wcs"] == "failed" and not self.retry_failed:
                continue
            yield self.job.out / row["product"], ccd

    # What came of it.

    def _kept(
        self, outcomes: Iterator[Outcome], count: Counts, keep: Callable[[Outcome], None]
    ) -> Iterator[Outcome]:
        """Put outcomes on the record as they pass; stop where a disk is full."""
        for outcome in outcomes:
            if is_full(outcome.error):
                self.stop.full(outcome.error)  # type: ignore[arg-type]
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

    def _keep_input(self, outcome: Outcome) -> None:
        path = str(outcome.source)
        before = self.record.rows("inputs", "WHERE path = ?", (path,))
        facts: dict[str, Any] = {"attempts": (before[0]["attempts"] if before else 0) + 1}
        if isinstance(outcome, Made):
            facts |= outcome.input_facts
            for product, said in outcome.facts.items():
                self.record.put("frames", product=product, **{**_BLANK_WCS, **said})
                put_models(self.record, self.job.out / product, said, self._models)
        else:
            facts |= _stamp(outcome.source)
        self.record.put(
            "inputs",
            path=path,
            state=outcome.state,
            error="" if outcome.error is None else _named(outcome),
            notes="\n".join(outcome.notes),
            frames=outcome.frames,
            seconds=outcome.seconds,
            fingerprint=self.fingerprint,
            run=self.run,
            **facts,
        )

    def _keep_stars(self, outcome: Outcome) -> None:
        if isinstance(outcome, Made):
            for facts in outcome.facts.values():
                self.record.put("stars", seconds=outcome.seconds, **facts)
            return
        name = outcome.source.name
        camera, ccd = (int(word[3]) for word in outcome.source.parent.name.split("-"))
        self.record.put(
            "stars", camera=camera, ccd=ccd, path="", reference=name, error=_named(outcome)
        )

    def _keep_fit(self, outcome: Outcome) -> None:
        if isinstance(outcome, Made):
            for product, facts in outcome.facts.items():
                self.record.put("frames", product=product, **facts)
            return
        product = str(outcome.source.relative_to(self.job.out))
        self.record.put("frames", product=product, wcs="failed", wcs_error=_named(outcome))

    def _stage(self, name: str, total: int, count: Counts) -> _Stage:
        return _Stage(self.record, self.run, name, total, count)


class _Stage:
    """One stage of a go, with its times on the record."""

    def __init__(
        self, record: RecordWriter, run: int, name: str, total: int, count: Counts
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


_BLANK_WCS = dict.fromkeys(
    ("rms_arcsec", "rms_pixel", "good_fraction", "bad_blocks", "degree", "shift_columns",
     "shift_rows", "crval1", "crval2", "wcs_seconds"),
) | {"wcs_error": "", "flags": ""}  # fmt: skip
"""What a product that was made anew has no more."""


def _same(path: Path, row: Any) -> bool:
    try:
        return stat_facts(path) == {"size": row["size"], "mtime_ns": row["mtime_ns"]}
    except OSError:
        return False


def _stamp(path: Path) -> dict[str, Any]:
    try:
        return stat_facts(path)
    except OSError:
        return {"size": None, "mtime_ns": None}


def _named(outcome: Outcome) -> str:
    """What went wrong, with the file's name in it."""
    assert outcome.error is not None
    text = describe(outcome.error)
    return text if str(outcome.source) in text else f"{outcome.source}: {text}"


def check_outputs(out: Path) -> None:
    """Refuse an output folder that is none, or can't be written."""
    import os

    if out.exists() and not out.is_dir():
        raise FrameError(f"{out}: the output folder is a file")
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK | os.X_OK):
        raise PermissionError(f"{out}: the output folder can't be written")
