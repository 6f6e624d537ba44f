"""``tica-fn split``: raw camera frames to raw CCDs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "split",
        help="split raw camera frames into their CCDs",
        description="Write the raw pixels of each CCD of POC/TSO camera frames to "
        "<stem>_ccd<d>.fits, in the CCD's own orientation, without calibration.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="camera frames")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the outputs (here)"
    )
    parser.add_argument(
        "--ccd",
        action="append",
        type=int,
        choices=(1, 2, 3, 4),
        metavar="D",
        help="only this CCD; may be given several times",
    )
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="how outputs are packed"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace outputs that are there already"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Split the files and say what became of them."""
    from tica_fn.errors import describe
    from tica_fn.products.split import split_camera

    args.outdir.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path in args.files:
        try:
            outputs = split_camera(
                path,
                args.outdir,
                ccds=tuple(sorted(set(args.ccd or (1, 2, 3, 4)))),
                compress=args.compress,
                overwrite=args.overwrite,
            )
        except (OSError, ValueError) as error:
            if args.debug:
                raise
            failed += 1
            message = describe(error)
            name = "" if str(path) in message else f"{path}: "
            print(f"tica-fn: {name}{message}", file=sys.stderr)
        else:
            print(f"{path.name}: {', '.join(output.name for output in outputs) or 'there already'}")
    return int(failed > 0)
