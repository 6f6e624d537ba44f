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
        description="Print a table of each frame's amplifiers and save a picture <stem>.png. Of "
        "six or more calibrated frames of a CCD it says whose pedestals are out of family.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="FITS files")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the pictures (here)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the tables and save the pictures."""
    import sys

    from tica_fn.errors import describe
    from tica_fn.fits.files import read_ccds
    from tica_fn.products.report import (
        MeasuredPedestals,
        amplifier_table,
        pedestal_remarks,
        save_picture,
    )

    args.outdir.mkdir(parents=True, exist_ok=True)
    failed = False
    measured = []
    for path in args.files:
        try:
            frames = read_ccds(path)
            stem = path.name.removesuffix(".gz").removesuffix(".fz").removesuffix(".fits")
            named = [(path.name, frames[0])]
            if len(frames) > 1:
                named = [(frame.name, frame) for frame in frames]
            picture = save_picture(named, args.outdir / f"{stem}.png", path.name * (len(named) > 1))
        except (OSError, ValueError) as error:
            if args.debug:
                raise
            print(f"tica-fn: {describe(error)}", file=sys.stderr)
            failed = True
            continue
        for frame in frames:
            steps = ", ".join(frame.steps) or "none"
            print(f"{path}: {frame.name}, {frame.exposure_s:g} s, steps: {steps}")
            print("\n".join(amplifier_table(frame)))
            if frame.pedestals is not None:
                one = MeasuredPedestals(
                    source=str(path),
                    name=frame.name,
                    exposure_s=frame.exposure_s,
                    coadds=frame.coadds,
                    pedestals=tuple(frame.pedestals.tolist()),
                )
                measured.append(one)
        print(f"picture: {picture}")
    for line in pedestal_remarks(measured):
        print(line)
    return 1 if failed else 0
