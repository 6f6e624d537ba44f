"""``tica-fn convert``: from TICA's layout to SPOC's."""

from __future__ import annotations

import argparse
from typing import Any

from tica_fn.cli.arguments import add_files, add_jobs, add_outdir, inputs_of, local
from tica_fn.cli.messages import say_when_compiling
from tica_fn.cli.outcomes import work_through


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "convert",
        description="Convert calibrated frames in TICA's layout, also TICA's own from MAST, to the "
        "layout of the mission's ffic files: image and uncertainty in extensions, electrons per "
        "second, which astrocut and others read. The WCS and the table of its stars are kept.",
    )
    add_files(parser, "calibrated frames in TICA's layout")
    parser.add_argument(
        "--caldir",
        type=local,
        metavar="DIR",
        help="folder of the models that the frames were calibrated with, to estimate missing "
        "uncertainties",
    )
    add_outdir(parser)
    add_jobs(parser)
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="compression of the outputs"
    )
    parser.add_argument(
        "--name",
        choices=("stem", "spoc"),
        default="stem",
        help="names of outputs: <stem>_ffic.fits after the input (default), or like SPOC's",
    )
    parser.add_argument("--overwrite", action="store_true", help="make existing outputs again")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert the files and report the outcomes."""
    from tica_fn.fits.batch import ModelShelf
    from tica_fn.fits.model_files import check_folder
    from tica_fn.fits.provenance import date_card
    from tica_fn.products.convert import Conversion, convert_file

    date_card()  # Refuses a bad SOURCE_DATE_EPOCH before the first file.
    inputs = inputs_of(args, "frames to convert", lambda kind: "converted" in kind.becomes)
    if args.caldir:
        check_folder(args.caldir)
    args.outdir.mkdir(parents=True, exist_ok=True)
    job = Conversion(
        outdir=args.outdir,
        models=ModelShelf(args.caldir, errors=True) if args.caldir else None,
        name=args.name,
        compress=args.compress,
        overwrite=args.overwrite,
    )
    say_when_compiling()
    return work_through(
        inputs, lambda path: convert_file(path, job), "converting", jobs=args.jobs, debug=args.debug
    )
