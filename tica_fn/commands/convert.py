"""``tica-fn convert``: products in TICA's layout to SPOC's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tica_fn.commands import say_when_compiling
from tica_fn.commands.arguments import positive
from tica_fn.commands.outcomes import tell_outcomes


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "convert",
        help="put calibrated frames in the layout that today's tools read",
        description="Write calibrated frames in TICA's layout, TICA's own from MAST among them, "
        "as the mission's ffic files: image and uncertainty in extensions, electrons per second, "
        "which astrocut and others read. The WCS and the table of its stars come along.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="calibrated frames")
    parser.add_argument(
        "--caldir",
        type=Path,
        metavar="DIR",
        help="folder of the models that they were calibrated with: lets the uncertainties of "
        "frames that have none be estimated",
    )
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the outputs (here)"
    )
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="files at a time")
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="how outputs are packed"
    )
    parser.add_argument(
        "--name",
        choices=("stem", "spoc"),
        default="stem",
        help="name outputs <stem>_ffic.fits after the input (default), or as SPOC's",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make outputs anew that are there already"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert the files and say what became of them."""
    from tica_fn.fits.batch import ModelShelf, run_batch
    from tica_fn.fits.provenance import date_card
    from tica_fn.products.convert import Conversion, convert_file

    date_card()  # Of no date, before the first file.
    args.outdir.mkdir(parents=True, exist_ok=True)
    job = Conversion(
        outdir=args.outdir,
        models=ModelShelf(args.caldir, errors=True) if args.caldir else None,
        name=args.name,
        compress=args.compress,
        overwrite=args.overwrite,
    )
    sources = list(dict.fromkeys(args.files))
    say_when_compiling()
    outcomes = run_batch(sources, lambda source, _: convert_file(source, job), args.jobs)
    return tell_outcomes(outcomes, len(sources), "converting", debug=args.debug)
