"""``tica-fn status``: the progress and the failures of a run."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import more_than_zero
from tica_fn.cli.messages import say_line


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "status",
        description="Show the progress of a run from its record OUT/run.sqlite. Exit code 1 if "
        "something failed.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="output folder of tica-fn run")
    parser.add_argument("--watch", action="store_true", help="update until the run ends")
    parser.add_argument(
        "--interval",
        type=more_than_zero,
        default=2.0,
        metavar="S",
        help="seconds between updates (with --watch)",
    )
    parser.add_argument("--all", action="store_true", help="show all failures, not only twenty")
    parser.add_argument(
        "--rebuild", action="store_true", help="rebuild the record from the products"
    )
    parser.add_argument(
        "--production-table", action="store_true", help="print TICA's table row for the run instead"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the progress."""
    from tica_fn.run.progress import progress_of, progress_text
    from tica_fn.run.record import open_record

    if not args.out.is_dir():
        raise FileNotFoundError(f"{args.out}: no such folder")
    broken = False
    if args.rebuild:
        from tica_fn.run.rebuild import rebuild_record

        count, failed = rebuild_record(args.out, lambda line: print(line, file=sys.stderr))
        say_line(f"{args.out}: record rebuilt from {count} products")
        broken = bool(failed)
    record = open_record(args.out)
    if args.production_table:
        from tica_fn.run.production import production_table

        print(production_table(record))
        return int(broken)
    shown = 0
    while True:
        progress = progress_of(record)
        text = progress_text(progress, failures=10**9 if args.all else 20)
        if shown and sys.stdout.isatty():
            print(f"\x1b[{shown}A\x1b[J", end="")
        print(text, flush=True)
        shown = text.count("\n") + 1
        if not args.watch or progress.state != "running":
            return int(broken or bool(progress.failures))
        time.sleep(args.interval)
