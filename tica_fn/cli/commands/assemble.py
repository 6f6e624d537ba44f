"""``tica-fn assemble``: CCDs to camera frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import Inputs, add_files, add_jobs, add_outdir, inputs_of
from tica_fn.cli.outcomes import work_through


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "assemble",
        description="Join files of single CCDs, raw (<stem>_ccd<d>.fits) or calibrated "
        "(<stem>_ccd<d>.cal.fits), to camera frames <stem>.fits and <stem>.cal.fits. "
        "Each needs all four CCDs.",
    )
    add_files(parser, "CCDs in any order")
    add_outdir(parser)
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="compression of the outputs"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    add_jobs(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Assemble the files and report the outcomes."""
    from tica_fn.products.split import Assembly, assemble_file, sorted_by_camera

    inputs = inputs_of(
        args, "CCDs of cameras", lambda kind: "camera" in kind.becomes and not kind.ccds
    )
    args.outdir.mkdir(parents=True, exist_ok=True)
    groups, nameless = sorted_by_camera(inputs.paths)
    job = Assembly(
        outdir=args.outdir, groups=groups, compress=args.compress, overwrite=args.overwrite
    )
    return work_through(
        Inputs(tuple(Path(name) for name in groups), (*inputs.empty, *nameless)),
        lambda name: assemble_file(name, job),
        "assembling",
        jobs=args.jobs,
        debug=args.debug,
        summary=False,
    )
