"""``tica-fn check``: the faults of a delivery."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import add_jobs
from tica_fn.cli.messages import say_line
from tica_fn.cli.outcomes import Bar


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "check",
        description="Check a delivery and name every file with a fault. Exit code 0 if there are "
        "no faults.",
    )
    parser.add_argument("delivery", type=Path, metavar="DELIVERY")
    add_jobs(parser)
    parser.add_argument(
        "--allow-gaps", action="store_true", help="accept cadences that are missing on all CCDs"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, and print the faults."""
    from tica_fn.run.check import check_delivery

    checked: list[Path] = []
    with Bar(None, "checking") as (_, step):

        def done(path: Path) -> None:
            checked.append(path)
            step()

        faults = check_delivery(
            args.delivery, args.jobs, allow_gaps=args.allow_gaps, on_checked=done
        )
    for fault in faults:
        say_line(f"tica-fn: {fault}", file=sys.stderr)
    places = len({fault.path for fault in faults})
    said = f"{len(faults)} faults in {places} places" if faults else "no fault"
    say_line(f"{args.delivery}: {len(checked)} frames checked, {said}")
    return 1 if faults else 0
