"""``tica-fn calibrate``: raw files in, calibrated files out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import add_files, add_jobs, add_log, add_outdir, inputs_of, local
from tica_fn.cli.loading import uncollected
from tica_fn.cli.messages import say_when_compiling
from tica_fn.cli.outcomes import refused, tell_outcomes
from tica_fn.cli.product_options import add_options, product_of
from tica_fn.steps.table import STANDARD_PLACES, TABLE

if TYPE_CHECKING:
    from tica_fn.fits.outcome import Outcome
    from tica_fn.products.job import Job


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "calibrate",
        description="Calibrate raw files. Each FILE gives <stem>.cal.fits in the output folder, "
        "complete or not at all. Exit code 0 only if every file is done, now or earlier.",
    )
    add_files(parser, "raw FITS files")
    add_outdir(parser)
    add_batch_options(parser)
    add_options(parser)
    add_log(parser)
    parser.set_defaults(run=run)


def add_batch_options(parser: Any) -> None:
    """Declare the options of models, jobs, cluster, compression and existing outputs."""
    parser.add_argument(
        "--caldir", type=local, required=True, metavar="DIR", help="folder of calibration models"
    )
    add_jobs(parser)
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of a dask.distributed cluster, which must see the same folders",
    )
    parser.add_argument(
        "--compress",
        choices=("none", "gzip", "rice", "gzip2"),
        default="none",
        help="compression of the outputs: none (default), gzip (whole file), or tile-compressed "
        "FITS (.fz): rice rounds pixels to a sixteenth of the read noise, gzip2 is lossless",
    )
    parser.add_argument(
        "--without",
        action="append",
        choices=STANDARD_PLACES,
        default=[],
        metavar="STEP",
        help=f"leave a step out ({', '.join(STANDARD_PLACES)}); can be repeated",
    )
    parser.add_argument("--overwrite", action="store_true", help="make existing outputs again")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="verify every existing output completely, even if neither it nor its input changed "
        "since it was made or verified",
    )


def run(args: argparse.Namespace) -> int:
    """Calibrate the files and report the outcomes."""
    from tica_fn.products.known import KnownProducts

    files = () if args.ephemeris is None else (args.ephemeris,)
    options = {name: value for name, value in vars(args).items() if name not in _NOT_OF_PRODUCTS}
    notes = KnownProducts(args.outdir, args.caldir, options, files)
    trusted = not (args.overwrite or args.verify)
    inputs = inputs_of(
        args,
        "raw files",
        lambda kind: kind.raw,
        known=lambda path: trusted and notes.outcome(path) is not None,
    )
    found = {source: notes.outcome(source) for source in inputs.paths}
    known = [outcome for outcome in found.values() if trusted and outcome is not None]
    done = {outcome.source for outcome in known}
    left = [source for source in inputs.paths if source not in done]
    outcomes = _calibrated(args, inputs.paths, left, known) if left else iter(())
    return tell_outcomes(
        chain(refused(inputs), known, notes.noting(outcomes)),
        inputs.total,
        "calibrating",
        debug=args.debug,
        log=args.log,
    )


_NOT_OF_PRODUCTS = {
    *("files", "list", "jobs", "scheduler", "overwrite", "verify", "debug", "run", "parser"),
    *("outdir", "caldir"),
}
"""Arguments that do not affect the product of a file."""


@uncollected()
def _calibrated(
    args: argparse.Namespace,
    sources: Sequence[Path],
    left: Sequence[Path],
    known: Sequence[Outcome],
) -> Iterator[Outcome]:
    """Calibrate the files that are left of all."""
    say_when_compiling()
    import gc

    from tica_fn.fits.batch import run_batch
    from tica_fn.fits.model_files import check_folder
    from tica_fn.fits.provenance import date_card

    date_card()  # Refuses a bad SOURCE_DATE_EPOCH before other packages fail on it.
    from tica_fn.products.raw_files import calibrate_file

    job = job_of(args)
    if any(source.exists() for source in left):  # Otherwise the missing files are the error.
        check_folder(args.caldir)
    _refuse_collisions(sources, args)
    if args.outdir.exists() and not args.outdir.is_dir():
        raise OSError(f"{args.outdir}: the output folder is a file")
    args.outdir.mkdir(parents=True, exist_ok=True)
    if not os.access(args.outdir, os.W_OK | os.X_OK):
        raise OSError(f"{args.outdir}: the output folder can't be written")
    for outcome in known:
        for target in outcome.outputs:
            job.claim(target, outcome.source)
    gc.freeze()  # Objects from imports stay; the collector need not scan them for each frame.
    if args.scheduler:
        from tica_fn.products.cluster import run_on_cluster

        return run_on_cluster(left, job, args.scheduler, [one.source for one in known])
    return run_batch(left, lambda source, waits: calibrate_file(source, job, waits), args.jobs)


def job_of(args: argparse.Namespace) -> Job:
    """Turn the options into the job for every file."""
    from tica_fn.fits.batch import ModelShelf
    from tica_fn.products.job import Job

    product = product_of(args)
    return Job(
        models=ModelShelf(args.caldir, errors=product.needs_errors),
        outdir=args.outdir,
        compress=args.compress,
        without=tuple(row.name for row in TABLE if row.standard and row.place in args.without),
        overwrite=args.overwrite,
        product=product,
    )


def _refuse_collisions(sources: Sequence[Path], args: argparse.Namespace) -> None:
    """Refuse inputs whose products would have the same name, before anything is written."""
    from tica_fn.fits.names import product_name

    if args.name != "stem":
        return  # These names come from the headers; each product is claimed when it is made.
    first: dict[str, Path] = {}
    for source in sources:
        output = product_name(source, layout=args.layout, compress=args.compress)
        other = first.setdefault(output, source)
        if other is not source:
            raise ValueError(
                f"{other} and {source} would both write {args.outdir / output}: calibrate them "
                "into different folders"
            )
