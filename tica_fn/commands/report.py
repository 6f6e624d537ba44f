"""``tica-fn report``: a picture and a table of each frame."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.commands.arguments import add_files, inputs_of
from tica_fn.commands.outcomes import work_through

if TYPE_CHECKING:
    from tica_fn.fits.batch import Outcome


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "report",
        help="picture and table of frames, raw or calibrated",
        description="Print a table of each frame's amplifiers and save a picture <stem>.png. Of "
        "six or more calibrated frames of a CCD it says whose pedestals are out of family.",
    )
    add_files(parser, "raw or calibrated frames")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the pictures (here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables and save the pictures."""
    from tica_fn.products.job import Claims
    from tica_fn.products.report import MeasuredPedestals, pedestal_remarks, report_file

    inputs = inputs_of(args, "frames", lambda kind: kind.frames is not None)
    args.outdir.mkdir(parents=True, exist_ok=True)
    measured: list[MeasuredPedestals] = []
    claim = Claims()

    def work(path: Path) -> Outcome:
        outcome, pedestals = report_file(path, args.outdir, claim)
        measured.extend(pedestals)
        return outcome

    code = work_through(inputs, work, "reporting", debug=args.debug, summary=False)
    for line in pedestal_remarks(measured):
        print(line)
    return code
