"""``tica-fn stage``: make a delivery from a run."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import whole
from tica_fn.cli.messages import say_line


def _orbit(text: str) -> str:
    if not re.fullmatch(r"o[1-4][ab]?", text):
        raise argparse.ArgumentTypeError(f"{text}: give o1 to o4, or a half such as o1a")
    return text


def _version(text: str) -> str:
    if not re.fullmatch(r"v\d\d", text):
        raise argparse.ArgumentTypeError(f"{text}: give v01, v02 and so on")
    return text


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "stage",
        description="Link (or copy) products that have a solution, and reference stars, into "
        "DELIVERY under their names at MAST. Gzipped products are unpacked.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="output folder of tica-fn run")
    parser.add_argument("delivery", type=Path, metavar="DELIVERY", help="folder to make")
    parser.add_argument(
        "--sector", type=whole(1, 9999), required=True, metavar="S", help="sector of the delivery"
    )
    parser.add_argument(
        "--orbit", type=_orbit, required=True, metavar="o1", help="orbit, o1 to o4, or a half: o1a"
    )
    parser.add_argument(
        "--version", type=_version, default="v01", metavar="v01", help="version in the names (v01)"
    )
    parser.add_argument("--copy", action="store_true", help="copy files instead of linking")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace existing files with other content"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stage, and print what was left out."""
    from tica_fn.run.stage import stage_run

    if not args.out.is_dir():
        raise FileNotFoundError(f"{args.out}: no such folder")
    placed = others = failed = 0
    for _, target, why in stage_run(
        args.out,
        args.delivery,
        args.sector,
        args.orbit,
        args.version,
        copy=args.copy,
        overwrite=args.overwrite,
    ):
        if target is not None:
            placed += 1
        elif why.startswith("other: "):
            others += 1
            say_line(f"left out: {why.removeprefix('other: ')}")
        else:
            failed += 1
            say_line(f"tica-fn: {why}", file=sys.stderr)
    say_line(
        f"{args.delivery}: {placed} files staged, {others} of others left out, {failed} failed"
    )
    return 1 if failed or not placed else 0
