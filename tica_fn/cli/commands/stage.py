"""``tica-fn stage``: a delivery made of a run."""

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
        raise argparse.ArgumentTypeError(f"{text}: o1 to o4 is wanted, or a half such as o1a")
    return text


def _version(text: str) -> str:
    if not re.fullmatch(r"v\d\d", text):
        raise argparse.ArgumentTypeError(f"{text}: v01, v02 and so on is wanted")
    return text


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "stage",
        help="put a run's products into a delivery, with MAST's names and tree",
        description="Link (or copy) products with a solution, and reference stars, into DELIVERY "
        "under their names at MAST. Gzipped products are unpacked.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="output folder of tica-fn run")
    parser.add_argument("delivery", type=Path, metavar="DELIVERY", help="folder to make")
    parser.add_argument("--sector", type=whole(1, 9999), required=True, metavar="S")
    parser.add_argument("--orbit", type=_orbit, required=True, metavar="o1")
    parser.add_argument("--version", type=_version, default="v01", metavar="v01")
    parser.add_argument("--copy", action="store_true", help="copy, where a link could be made")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace other content that is there"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Stage, and say what was left out."""
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
