"""``tica-fn cutout``: a target pixel file around a sky position, from many frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import add_files, all_inputs_of, positive, within
from tica_fn.cli.messages import say_line


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "cutout",
        description="Cut the pixels around a sky position out of calibrated frames of one CCD "
        "into a target pixel file, with errors, flags and barycentric times, which lightkurve "
        "opens. The WCS of the middle frame gives the pixels.",
        epilog="example: tica-fn cutout out/*.fits --ra 100 --dec -12 --size 11 -o star_tp.fits",
    )
    add_files(parser, "calibrated frames")
    parser.add_argument(
        "--ra", type=within(-360, 360), required=True, metavar="DEG", help="right ascension"
    )
    parser.add_argument(
        "--dec", type=within(-90, 90), required=True, metavar="DEG", help="declination"
    )
    parser.add_argument(
        "--size", type=positive, nargs="+", default=[11], metavar="N",
        help="side of the square in pixels, or rows and columns (11)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TPF", help="file to write (.fits[.gz])"
    )
    parser.add_argument(
        "--ephemeris", type=Path, metavar="FILE",
        help="positions of the spacecraft; by default those in the headers",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Cut, write, and print what was written."""
    if len(args.size) > 2:
        args.parser.error("--size takes one number, or rows and columns")
    import numpy as np

    from tica_fn.products.cutout import cutout

    ephemeris = None
    if args.ephemeris is not None:
        from tica_fn.wcs.ephemeris import read_ephemeris

        ephemeris = read_ephemeris(args.ephemeris)
    size = args.size[0] if len(args.size) == 1 else (args.size[0], args.size[1])
    paths = all_inputs_of(args, "calibrated frames", lambda kind: not kind.raw)
    found = cutout(paths, (args.ra, args.dec), size, ephemeris=ephemeris)
    found.write(args.output, overwrite=args.overwrite)
    frames, rows, columns = found.flux.shape
    say_line(
        f"{args.output}: {frames} frames of {rows} x {columns} pixels from row {found.row}, column "
        f"{found.column} (from 0); times of the {found.place}"
    )
    if np.isnan(found.flux_error).all():
        print("note: no uncertainties in these frames: calibrate with --uncertainty")
    if found.place != "barycenter":
        print("note: the headers lack the spacecraft's position: give --ephemeris")
    return 0
