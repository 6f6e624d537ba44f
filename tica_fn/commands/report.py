"""``tica-fn report``: a picture and a table of each frame."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "report",
        help="picture and table of frames, raw or calibrated",
        description="Print a table of each frame's amplifiers and save a picture <stem>.png.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="FITS files")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the pictures (here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables and save the pictures."""
    import sys

    from tica_fn.cli import describe
    from tica_fn.fits.files import read
    from tica_fn.report import amplifier_table, save_picture

    args.outdir.mkdir(parents=True, exist_ok=True)
    failed = False
    for path in args.files:
        try:
            frame = read(path)
            stem = path.name.removesuffix(".gz").removesuffix(".fz").removesuffix(".fits")
            picture = save_picture([(path.name, frame)], args.outdir / f"{stem}.png")
        except (OSError, ValueError) as error:
            if args.debug:
                raise
            print(f"tica-fn: {describe(error)}", file=sys.stderr)
            failed = True
            continue
        steps = ", ".join(frame.steps) or "none"
        print(f"{path}: {frame.name}, {frame.exposure_s:g} s, steps: {steps}")
        print("\n".join(amplifier_table(frame)))
        print(f"picture: {picture}")
    return 1 if failed else 0
