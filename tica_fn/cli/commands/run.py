"""``tica-fn run``: a sector in one command."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from errno import ENOENT
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import inputs_of
from tica_fn.cli.commands.calibrate import job_of
from tica_fn.cli.commands.report import check_plots
from tica_fn.cli.loading import uncollected
from tica_fn.cli.messages import say_line, say_when_compiling
from tica_fn.cli.outcomes import show_outcomes
from tica_fn.cli.product_options import product_of
from tica_fn.cli.run_settings import declare, settings_of
from tica_fn.errors import UsageError


def add(subparsers: Any) -> None:
    """Declare the command."""
    declare(subparsers).set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the run."""
    from tica_fn.run.event_log import EventLog
    from tica_fn.run.fingerprint import fingerprint_of

    settings = settings_of(args)
    missing = [name for name in ("caldir", "outdir") if getattr(settings, name) is None]
    if missing:
        raise UsageError(f"--{' and --'.join(missing)}: give it here or in the --config file")
    settings.files = settings.files or []
    out = settings.outdir.absolute()
    known = _known_inputs(out)
    inputs = inputs_of(
        settings, "raw files", lambda kind: kind.raw, lambda path: path.absolute() in known
    )
    if not inputs.paths:
        folders = ", ".join(str(path) for path, _ in inputs.empty)
        raise UsageError(f"no raw files in {folders}")
    sources = list(dict.fromkeys(path.absolute() for path in inputs.paths))
    if not settings.no_wcs:
        _check_stars(settings)
    settings.quality = settings.quality or settings.transients
    said = {name: value for name, value in vars(settings).items() if name != "run"}
    fingerprint = fingerprint_of(said)
    product = product_of(settings)
    for name in ("pedestal", "linearity", "smear"):  # record what --like stands for
        said[name] = getattr(product, name)
    if settings.dry_run:
        from tica_fn.run.dry_run import dry_run_text

        def sample_of(paths: Sequence[Path]) -> Any:
            return _sample(settings, paths)

        print(dry_run_text(sources, out, said, fingerprint, sample_of))
        return 0
    with EventLog(settings.log, "run") as log:
        code = _run(settings, said, sources, out, fingerprint, log, new=not known)
        for _, error in inputs.empty:
            say_line(f"tica-fn: {error}", file=sys.stderr)
            code = code or 1
        log.end(code)
    return code


def _check_stars(settings: argparse.Namespace) -> None:
    """Refuse stars that are not there before files are calibrated without them."""
    if settings.assemble:
        if settings.refstars is not None:
            raise UsageError("--refstars: camera frames (--assemble) have no solutions")
        say_line("note: camera frames (--assemble) have no solutions")
    if settings.refstars is not None:
        from tica_fn.run.outputs import given_stars

        given_stars(settings.refstars)
    if settings.catalog is not None and not Path(settings.catalog).exists():
        from tica_fn.wcs.online import SOURCES

        if settings.catalog not in SOURCES:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), settings.catalog)


def _known_inputs(out: Path) -> set[Path]:
    """Raw files on the run's record that are as they were; none where there is no record."""
    from tica_fn.run.outputs import stat_facts
    from tica_fn.run.record import open_record

    known: set[Path] = set()
    try:
        rows = open_record(out).rows("inputs")
    except (OSError, ValueError):
        return known
    for row in rows:
        path = Path(row["path"])
        with suppress(OSError):
            if stat_facts(path) == {"size": row["size"], "mtime_ns": row["mtime_ns"]}:
                known.add(path)
    return known


def _sample(settings: argparse.Namespace, paths: Sequence[Path]) -> Any:
    """Do some files aside, for what that takes."""
    _prepare(settings, list(paths))
    import attrs

    from tica_fn.run.outputs import given_stars
    from tica_fn.run.sample import take_sample
    from tica_fn.run.star_facts import facts_of_stars

    run = _run_job(settings, job_of(settings), settings.outdir)
    given = given_stars(settings.refstars) if settings.refstars is not None else ()
    known = [(facts, path) for path in given if (facts := facts_of_stars(path)) is not None]
    if not settings.no_wcs:
        run = attrs.evolve(run, stars={(f["camera"], f["ccd"]): path for f, path in known})
    with_wcs = not settings.no_wcs
    return take_sample(paths, run, settings.jobs, settings.catalog, with_wcs=with_wcs)


def _run_job(settings: argparse.Namespace, job: Any, out: Path) -> Any:
    from tica_fn.run.run_job import RunJob

    return RunJob(
        job=job,
        out=out,
        method=settings.centroid,
        degree=settings.degree,
        ephemeris=None if settings.ephemeris is None else str(settings.ephemeris),
    )


@uncollected()
def _prepare(settings: argparse.Namespace, sources: list[Path]) -> None:
    """Load what works at files, and look whether there are models."""
    import gc

    say_when_compiling()
    from tica_fn.fits.model_files import check_folder
    from tica_fn.fits.provenance import date_card

    date_card()  # Refuses a bad SOURCE_DATE_EPOCH before other packages fail on it.
    from tica_fn.run import stars_work, work  # noqa: F401

    if any(source.exists() for source in sources):  # Otherwise the missing files are the error.
        check_folder(settings.caldir)
    gc.freeze()  # Objects from imports stay; the collector need not scan them for each frame.


def _run(
    settings: argparse.Namespace,
    said: dict[str, Any],
    sources: list[Path],
    out: Path,
    fingerprint: str,
    log: Any,
    *,
    new: bool,
) -> int:
    import attrs

    from tica_fn.run.mended_record import open_writer
    from tica_fn.run.runner import Runner, check_outputs
    from tica_fn.run.scratch import remove_left_parts, remove_left_scratch
    from tica_fn.run.stopping import Stop
    from tica_fn.run.todo import Todo

    if not settings.no_report:
        check_plots("; or --no-report")
    if new:  # Otherwise there may be nothing to do.
        _prepare(settings, sources)
    check_outputs(out)
    remove_left_scratch()
    settings.outdir = out
    job = job_of(settings)
    job = attrs.evolve(job, models=job.models.resolved())
    failures: list[str] = []

    def tell(outcomes: Iterator[Any], total: int, what: str) -> None:
        states, failed = show_outcomes(log.watched(outcomes, what), total, what, settings.debug)
        failures.extend(failed)
        print(
            f"{what}: {states['done']} done, {states['skipped']} skipped, {states['failed']} failed"
        )

    def prepare() -> None:
        remove_left_parts(out)
        if not new:
            _prepare(settings, sources)

    shown = _is_shown(out)
    with open_writer(out, print) as record, Stop() as stop, _fleet(settings) as fleet:
        runner = Runner(
            job=_run_job(settings, job, out),
            record=record,
            fleet=fleet,
            stop=stop,
            tell=tell,
            say=print,
            todo=Todo(
                record=record,
                say=print,
                fingerprint=fingerprint,
                verify=settings.verify,
                retry_failed=settings.retry_failed,
            ),
            prepare=prepare,
            with_wcs=not settings.no_wcs,
            given_stars=settings.refstars,
            catalog=settings.catalog,
        )
        code = _go(runner, sources, said, failures)
        full = bool(stop) and not stop.signal
    if not settings.no_report and not full:
        # What failed is best seen in the report.
        unwritten = _write_report(out, shown and not runner.did_anything)
        code = code or unwritten
    return code


def _fleet(settings: argparse.Namespace) -> Any:
    """The threads or the cluster that do the work."""
    if settings.scheduler:
        from tica_fn.products.cluster import Cluster

        return Cluster(settings.scheduler)
    from tica_fn.run.fleet import Threads

    return Threads(settings.jobs)


def _go(runner: Any, sources: list[Path], said: dict[str, Any], failures: list[str]) -> int:
    """Run all stages, and print how it ended and how to resume."""
    import shlex

    from tica_fn.errors import describe, one_line
    from tica_fn.run.stopping import is_full

    command = "tica-fn " + shlex.join(sys.argv[1:])
    stop = runner.stop
    try:
        runner.begin(command, said, len(sources))
        runner.calibrate(sources)
        runner.choose_and_find_stars()
        runner.fit()
        if said["transients"]:
            runner.mark_transients()
        failed = sum(count.failed for count in runner.counts.values()) + runner.todo.failed_before
        state = "stopped" if stop else "failed" if failed else "done"
        runner.end(state, stop.why)
    except Exception as error:
        if not is_full(error):
            with suppress(OSError):
                runner.end("failed", describe(error))
            raise
        stop.full(error)
    for failure in failures:
        print(f"failed: {failure}")
    if stop:
        solutions = f" and {runner.unsolved} frames to be solved" if runner.unsolved else ""
        left = f"{runner.left} files{solutions} are left; to go on: {command}"
        print(one_line(f"tica-fn: {stop.why}; {left}"), file=sys.stderr)
        return 128 + stop.signal if stop.signal else 1
    print(runner.summary)
    return 1 if state == "failed" else 0


def _is_shown(out: Path) -> bool:
    """Tell whether the report is newer than the record."""
    from tica_fn.run.database import record_path

    try:
        return (out / "report.html").stat().st_mtime_ns >= record_path(out).stat().st_mtime_ns
    except OSError:
        return False


def _write_report(out: Path, same: bool) -> int:
    """Write the report unless nothing changed; return the exit code."""
    page = out / "report.html"
    if same:
        page.touch()
        print(f"report: {page} (nothing changed)")
        return 0
    from tica_fn.errors import describe
    from tica_fn.run.page import write_page
    from tica_fn.run.record import open_record

    try:
        say_line(f"report: {write_page(open_record(out), page)}")
    except (OSError, ValueError) as error:
        print(f"tica-fn: no report: {describe(error)}", file=sys.stderr)
        return 1
    return 0
