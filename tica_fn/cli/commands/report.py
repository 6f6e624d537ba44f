"""``tica-fn report``: the page of a run, or a picture and a table of each frame."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import add_files, add_jobs, inputs_of
from tica_fn.cli.messages import say_line
from tica_fn.cli.outcomes import work_through

if TYPE_CHECKING:
    from tica_fn.fits.batch import Outcome

_WORTH_PROCESSES = 4
"""From this number of files, worker processes save more time than they take to start."""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "report",
        description="For a run's folder OUT, write OUT/report.html, which needs no network. For "
        "frames, print a table of each frame's amplifiers and save a picture <stem>.png. For "
        "six or more calibrated frames of a CCD, name those whose pedestals are out of family.",
    )
    add_files(parser, "raw or calibrated frames")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="picture folder (default: .)"
    )
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="write mean and scatter of every amplifier's science pixels and overclocks as ECSV; "
        "raw and calibrated frames of a cadence share a row",
    )
    add_jobs(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables and save the pictures."""
    from tica_fn.fits.processes import Processes
    from tica_fn.fits.whole_files import save_table
    from tica_fn.products.ccd_report import AmplifierNumbers, overclock_table
    from tica_fn.products.job import Claims
    from tica_fn.products.report import (
        MeasuredPedestals,
        pedestal_remarks,
        picture_of,
        report_file,
    )
    from tica_fn.run.database import record_path

    if len(args.files) == 1 and args.list is None and record_path(args.files[0]).is_file():
        return _page(args.files[0])
    inputs = inputs_of(args, "frames", lambda kind: kind.frames is not None)
    args.outdir.mkdir(parents=True, exist_ok=True)
    measured: list[MeasuredPedestals] = []
    numbers: list[AmplifierNumbers] = []
    claim = Claims()

    jobs = args.jobs if len(inputs.paths) >= _WORTH_PROCESSES else 1
    with Processes(jobs) as processes:

        def work(path: Path) -> Outcome:
            claim(picture_of(path, args.outdir), path)
            outcome, pedestals, found = processes(path, report_file, path, args.outdir)
            measured.extend(pedestals)
            numbers.extend(found)
            return outcome

        code = work_through(inputs, work, "reporting", jobs=jobs, debug=args.debug, summary=False)
    measured.sort(key=lambda one: one.source)
    numbers.sort(key=lambda one: one.file)
    for line in pedestal_remarks(measured):
        print(line)
    if args.table and numbers:
        save_table(overclock_table(numbers), args.table)
        say_line(f"table: {args.table}")
    return code


def _page(out: Path) -> int:
    """Write the report of a run."""
    from tica_fn.run.page import write_page
    from tica_fn.run.record import open_record

    check_plots()
    say_line(write_page(open_record(out), out / "report.html"))
    return 0


def check_plots(or_else: str = "") -> None:
    """Raise `ImportError` where the plots of a run's page can't be made."""
    if find_spec("bokeh") is None:
        raise ImportError(f"the page of a run needs Bokeh: pip install 'tica-fn[report]'{or_else}")
