"""``tica-fn split``: raw camera frames to raw CCDs."""

from __future__ import annotations

import argparse
from typing import Any

from tica_fn.cli.arguments import add_files, add_jobs, add_outdir, inputs_of
from tica_fn.cli.outcomes import work_through


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "split",
        description="Write the raw pixels of each CCD of POC/TSO camera frames to "
        "<stem>_ccd<d>.fits, in the orientation of the CCD, without calibration.",
    )
    add_files(parser, "raw camera frames")
    add_outdir(parser)
    parser.add_argument(
        "--ccd",
        action="append",
        type=int,
        choices=(1, 2, 3, 4),
        metavar="D",
        help="only this CCD; can be repeated",
    )
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="compression of the outputs"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    add_jobs(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Split the files and report the outcomes."""
    from tica_fn.products.split import Splitting, split_file

    inputs = inputs_of(args, "raw camera frames", lambda kind: "ccds" in kind.becomes)
    args.outdir.mkdir(parents=True, exist_ok=True)
    job = Splitting(
        outdir=args.outdir,
        ccds=tuple(sorted(set(args.ccd or (1, 2, 3, 4)))),
        compress=args.compress,
        overwrite=args.overwrite,
    )
    return work_through(
        inputs,
        lambda path: split_file(path, job),
        "splitting",
        jobs=args.jobs,
        debug=args.debug,
        summary=False,
    )
